"""Damaged or malicious bundles are rejected with an error of one line, and no file outside them is read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from tests import fuzz_bundles
from tests.fuzz_bundles import written

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes and links")


@posix
def test_mangled_bundles_open_or_are_rejected(tmp_path: Path) -> None:
    """150 bundles, folders and zips: only UserErrors of one line are raised, and no file outside is opened."""
    outcomes = set()
    for number in range(150):
        place = tmp_path / str(number)
        place.mkdir()
        how, path = fuzz_bundles.case(11, number, place)
        outcomes.add((how.split(",")[0], fuzz_bundles.attempt(path)))
    assert {how for how, _ in outcomes} == set(fuzz_bundles._CASES)
    assert {outcome for _, outcome in outcomes} == {"opened", "refused"}


def test_opening_a_file_outside_is_detected(tmp_path: Path) -> None:
    """The check used above fails if a file outside the bundle is opened."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").write_text("x")
    with pytest.raises(AssertionError, match="outside was opened"), fuzz_bundles._watched(tmp_path / "inside"):
        (tmp_path / "outside").read_text()


def test_onnx_file_named_xml_is_rejected(tmp_path: Path) -> None:
    """OpenVINO would load an ONNX file given as .xml, with weights from any path that it names."""
    path = written(tmp_path / "b", {"openvino/int8.xml": b"\x08\x08\x3a\x00"})
    with pytest.raises(UserError, match="openvino/int8.xml is not an OpenVINO IR"):
        Bundle.open(path).read("openvino/int8.xml")
