"""Tests of `edgewbc.data.sources.jtsc`."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.data.sources import make
from edgewbc.errors import UserError
from tests.data.conftest import Put, write_csv


@pytest.fixture
def jtsc(put: Put, image_folder: Path) -> Path:
    for i in range(1, 7):
        put(f"{i:03d}.bmp", seed=i)
    write_csv(image_folder / "labels.csv", ["image ID,class label", "1,1", "2,2", "3,3", "4,4", "5,5"])
    return image_folder


def test_jtsc_is_all_test(jtsc: Path) -> None:
    """Each image of the table is a test image, with the class of its number; images without a label are counted."""
    manifest = make("jtsc", jtsc)
    assert manifest.protocol == "external"
    assert [e.label for e in manifest.entries] == ["neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil"]
    assert {e.split for e in manifest.entries} == {"test"}
    assert manifest.provenance.left_out == {"no label in labels.csv": 1}


def test_jtsc_is_never_for_training(jtsc: Path) -> None:
    """Every other protocol is refused."""
    for protocol in ("published", "grouped", "poster"):
        with pytest.raises(UserError, match="only for evaluation, never for training"):
            make("jtsc", jtsc, protocol=protocol)


@pytest.mark.parametrize(
    ("row", "message"), [("7,1", r"007\.bmp: no such image"), ("1,6", "class '6'"), ("1,1", "listed twice")]
)
def test_jtsc_errors(jtsc: Path, row: str, message: str) -> None:
    """A missing image, an unknown class and a repeated row are refused."""
    write_csv(jtsc / "labels.csv", ["image ID,class label", "1,1", row])
    with pytest.raises(UserError, match=message):
        make("jtsc", jtsc)
