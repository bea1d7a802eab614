"""peerbench.crops: the cropped images for all peers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from peerbench import crops

from edgewbc.data import images
from edgewbc.errors import UserError
from edgewbc.images.decode import decode
from edgewbc.pixels import PixelSpec, prepare
from tests import labeled, tiny
from tests.colored import make_manifest

SPEC = PixelSpec(8, 8, "centre", 20)


def test_crops_are_lossless_and_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    """There is a folder per split and class; each PNG is exactly the crop, and prepares to the same input."""
    manifest = make_manifest(tmp_path / "m")
    cropped = crops.crop_images(manifest, SPEC, tmp_path / "cropped", None)
    index = json.loads((tmp_path / "cropped" / "index.json").read_text())
    assert {split: len(found) for split, found in index["pictures"].items()} == {"train": 40, "val": 20, "test": 20}
    for split, entries in cropped.entries.items():
        for entry, (name, label) in zip(entries, index["pictures"][split], strict=True):
            assert name.split("/")[:2] == [split, label] == [entry.split, entry.label]
            png = decode((tmp_path / "cropped" / name).read_bytes()).image
            whole = images.read(manifest, entry)
            np.testing.assert_array_equal(png, whole[10:30, 10:30])
            np.testing.assert_array_equal(prepare(png, SPEC), prepare(whole, SPEC))


def test_crops_are_reused_for_the_same_images_only(tmp_path: Path) -> None:
    """A second call reuses the folder; another crop or limit is refused; a limit samples the split evenly."""
    manifest = make_manifest(tmp_path / "m")
    crops.crop_images(manifest, SPEC, tmp_path / "cropped", 5)
    before = (tmp_path / "cropped" / "index.json").stat().st_mtime_ns
    cropped = crops.crop_images(manifest, SPEC, tmp_path / "cropped", 5)
    assert (tmp_path / "cropped" / "index.json").stat().st_mtime_ns == before
    assert len({entry.label for entry in cropped.entries["test"]}) == 5
    for spec, limit in ((PixelSpec(8, 8), 5), (SPEC, 6)):
        with pytest.raises(UserError, match="another --work"):
            crops.crop_images(manifest, spec, tmp_path / "cropped", limit)


def test_raw_images_are_those_of_the_toolkit(tmp_path: Path) -> None:
    """They are the inputs of edgewbc's networks as bytes; calibration images come from train only."""
    manifest = make_manifest(tmp_path / "m")
    cropped = crops.crop_images(manifest, SPEC, tmp_path / "cropped", None)
    raw = crops.write_raw(manifest, cropped, "val", SPEC, tmp_path)
    assert raw.to_json()["shape"] == [20, 8, 8, 3]
    seen = np.fromfile(raw.file, np.uint8).reshape(20, 8, 8, 3)
    expected = np.concatenate(list(images.batches(manifest, manifest.split("val"), SPEC)))
    np.testing.assert_array_equal(seen, expected)
    made = crops.write_calibration(manifest, cropped, SPEC, 10, 0, tmp_path)
    train = np.concatenate(list(images.batches(manifest, manifest.split("train"), SPEC)))
    for image in np.fromfile(made.file, np.uint8).reshape(10, 8, 8, 3):
        assert (train == image).all((1, 2, 3)).any()


def test_calibration_needs_train_images(tmp_path: Path) -> None:
    """Without train images the error is one line."""
    manifest = labeled.make_manifest(tmp_path / "m")
    cropped = crops.crop_images(manifest, PixelSpec(8, 8), tmp_path / "cropped", None)
    assert tiny.make_image(0).shape == images.read(manifest, cropped.entries["test"][0]).shape
    with pytest.raises(UserError, match="no train images"):
        crops.write_calibration(manifest, cropped, PixelSpec(8, 8), 4, 0, tmp_path)
