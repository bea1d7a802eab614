"""peerbench.drawing: the pictures as all peers see them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from peerbench import drawing

from edgewbc.data import images
from edgewbc.errors import UserError
from edgewbc.images.decode import decode
from edgewbc.pixels import PixelSpec, prepare
from tests import labelled, tiny
from tests.coloured import make_manifest

SPEC = PixelSpec(8, 8, "centre", 20)


def test_crops_are_lossless_and_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    """A folder a split and class; each PNG is the crop and nothing else; what a network sees of it is the same."""
    manifest = make_manifest(tmp_path / "m")
    drawn = drawing.draw(manifest, SPEC, tmp_path / "drawn", None)
    index = json.loads((tmp_path / "drawn" / "index.json").read_text())
    assert {split: len(found) for split, found in index["pictures"].items()} == {"train": 40, "val": 20, "test": 20}
    for split, entries in drawn.entries.items():
        for entry, (name, label) in zip(entries, index["pictures"][split], strict=True):
            assert name.split("/")[:2] == [split, label] == [entry.split, entry.label]
            png = decode((tmp_path / "drawn" / name).read_bytes()).image
            whole = images.read(manifest, entry)
            np.testing.assert_array_equal(png, whole[10:30, 10:30])
            np.testing.assert_array_equal(prepare(png, SPEC), prepare(whole, SPEC))


def test_drawn_once_and_only_for_the_same_pictures(tmp_path: Path) -> None:
    """A second call reads them; another crop or limit is refused, and a limit is spread over the split."""
    manifest = make_manifest(tmp_path / "m")
    drawing.draw(manifest, SPEC, tmp_path / "drawn", 5)
    before = (tmp_path / "drawn" / "index.json").stat().st_mtime_ns
    drawn = drawing.draw(manifest, SPEC, tmp_path / "drawn", 5)
    assert (tmp_path / "drawn" / "index.json").stat().st_mtime_ns == before
    assert len({entry.label for entry in drawn.entries["test"]}) == 5
    for spec, limit in ((PixelSpec(8, 8), 5), (SPEC, 6)):
        with pytest.raises(UserError, match="another --work"):
            drawing.draw(manifest, spec, tmp_path / "drawn", limit)


def test_raw_pictures_are_those_of_the_toolkit(tmp_path: Path) -> None:
    """What a network of the toolkit's is given, as bytes; calibration pictures are balanced and of train alone."""
    manifest = make_manifest(tmp_path / "m")
    drawn = drawing.draw(manifest, SPEC, tmp_path / "drawn", None)
    raw = drawing.raw(manifest, drawn, "val", SPEC, tmp_path)
    assert raw.to_dict()["shape"] == [20, 8, 8, 3]
    seen = np.fromfile(raw.file, np.uint8).reshape(20, 8, 8, 3)
    expected = np.concatenate(list(images.batches(manifest, manifest.split("val"), SPEC)))
    np.testing.assert_array_equal(seen, expected)
    made = drawing.calibration(manifest, drawn, SPEC, 10, 0, tmp_path)
    train = np.concatenate(list(images.batches(manifest, manifest.split("train"), SPEC)))
    for picture in np.fromfile(made.file, np.uint8).reshape(10, 8, 8, 3):
        assert (train == picture).all((1, 2, 3)).any()


def test_no_train_pictures_no_calibration(tmp_path: Path) -> None:
    """One line, before any peer begins."""
    manifest = labelled.make_manifest(tmp_path / "m")
    drawn = drawing.draw(manifest, PixelSpec(8, 8), tmp_path / "drawn", None)
    assert tiny.picture(0).shape == images.read(manifest, drawn.entries["test"][0]).shape
    with pytest.raises(UserError, match="no train pictures"):
        drawing.calibration(manifest, drawn, PixelSpec(8, 8), 4, 0, tmp_path)
