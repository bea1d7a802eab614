"""The bundle of a count where none is named: the case's, or a shipped one that suits the images."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.cases import bundle as case_bundle
from edgewbc.cases.file import CaseInfo
from edgewbc.errors import UserError
from edgewbc.lab.run_microscope import FieldsAmong
from edgewbc.utils import resources
from tests.lab.test_run_microscope import cells, fields, write
from tests.tiny import make_bundle

INFO = CaseInfo("S-1", "2026-11-28T09:00:00Z")


def test_fields_get_a_bundle_that_locates_their_cells(tmp_path: Path) -> None:
    lines: list[str] = []
    files = write(tmp_path / "slide", fields(4))
    chosen = case_bundle.choose(None, files, lines.append)
    assert (chosen.name, chosen.pixels.crop) == ("wbc5-travel", "cell")
    (line,) = lines
    assert re.search(r"\(it locates the cells of fields: [34] of 4 sampled images are fields of a smear\)$", line)


def test_single_cells_get_the_default_bundle(tmp_path: Path) -> None:
    lines: list[str] = []
    chosen = case_bundle.choose(None, write(tmp_path / "cells", [*cells(4), *fields(1)]), lines.append)
    assert chosen.name == resources.SHIPPED_BUNDLE
    assert lines == [f"model: {resources.shipped_bundle()}"]


@pytest.mark.parametrize(
    ("found", "most"),
    [((0, 0), False), ((1, 1), True), ((2, 2), True), ((2, 3), False), ((3, 5), True), ((3, 6), False)],
)
def test_most_images_are_fields(found: tuple[int, int], most: bool) -> None:
    """More than half, and at least three where there are three."""
    assert FieldsAmong(*found).most is most


def test_a_case_that_was_begun_keeps_its_bundle(tmp_path: Path) -> None:
    """Whatever its images look like; a bundle that is not shipped must be named."""
    travel = Bundle.open(resources.released_bundles()["wbc5-travel"])
    begun = replace(INFO, bundle="wbc5-travel", model_sha256=travel.model_sha256(), precision="int8")
    lines: list[str] = []
    assert case_bundle.choose(begun, [], lines.append).name == "wbc5-travel"
    assert lines[0].endswith("(the case was begun with it)")
    with pytest.raises(UserError, match=r"the case S-1 was counted with the bundle mine, .*: name it with --model"):
        case_bundle.choose(replace(begun, bundle="mine"), [], lines.append)


def test_another_bundle_than_that_of_the_case_is_refused_by_name(tmp_path: Path) -> None:
    tiny = make_bundle(tmp_path / "tiny")
    case_bundle.check(None, tiny)
    case_bundle.check(replace(INFO, bundle="tiny", model_sha256=tiny.model_sha256()), tiny)
    begun = replace(INFO, bundle="wbc5-travel", model_sha256="ab" * 32)
    with pytest.raises(UserError, match=r"S-1 was counted with wbc5-travel \(model abababababab\), and .*tiny has"):
        case_bundle.check(begun, tiny)
