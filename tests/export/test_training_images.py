"""Tests of edgewbc.export.training_images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgewbc.data.manifest import Manifest, Split
from edgewbc.export import training_images
from edgewbc.images.decode import TRUNCATED, decode
from edgewbc.pixels import PixelSpec
from tests.colored import make_manifest
from tests.tiny import encode

SPEC = PixelSpec(16, 16)
GRAY = "grayscale: the stain's colors are missing"


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Return a manifest of discs, 40 x 40 pixels: 15 train, 5 val and 5 test images."""
    return make_manifest(tmp_path / "m", per_class=3)


def rewritten(manifest: Manifest, split: str, change: Callable[[NDArray[np.uint8]], bytes]) -> Manifest:
    """Return the manifest after the files of a split were replaced by `change` of their pixels."""
    entries = []
    for entry in manifest.entries:
        if entry.split == split:
            path = manifest.file(entry)
            path.write_bytes(change(decode(path.read_bytes()).image))
            entry = replace(entry, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        entries.append(entry)
    return replace(manifest, entries=tuple(entries))


def without(manifest: Manifest, split: str) -> Manifest:
    """Return the manifest without the images of a split."""
    return replace(manifest, entries=tuple(entry for entry in manifest.entries if entry.split != split))


def test_train_images_are_measured_and_validation_images_are_compared(manifest: Manifest) -> None:
    """Copies of the train images are usual and noise is not; test images are not read."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    noisy = rewritten(rewritten(manifest, "val", lambda _: encode(noise)), "test", lambda _: b"unreadable")
    copies = [replace(entry, split=Split.VAL) for entry in manifest.split("train")]
    mixed = replace(noisy, entries=(*noisy.entries, *copies))
    found = training_images.measure(mixed, SPEC)
    assert found is not None
    assert (found.width, found.height, found.notes) == ((40, 40, 40), (40, 40, 40), {})
    assert (found.appearance.images, found.unusual) == (15, 0.25)  # 5 of 20
    only_train = training_images.measure(without(mixed, "val"), SPEC)
    assert only_train == replace(found, unusual=None)


def test_notes_are_counted_without_damage(manifest: Manifest) -> None:
    """All train images are gray and lack the last scan of a progressive JPEG; only the former is recorded."""

    def gray_and_cut(pixels: NDArray[np.uint8]) -> bytes:
        data = encode(pixels[..., 0], ".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
        return data[: data.rindex(b"\xff\xda")] + b"\xff\xd9"

    changed = rewritten(manifest, "train", gray_and_cut)
    assert decode(manifest.file(changed.entries[0]).read_bytes()).notes == (GRAY, TRUNCATED)
    found = training_images.measure(without(changed, "val"), SPEC)
    assert found is not None
    assert found.notes == {GRAY: 1.0}


def test_large_splits_are_sampled(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most `MAX_IMAGES` train images are measured; an empty split gives None."""
    monkeypatch.setattr(training_images, "MAX_IMAGES", 4)
    found = training_images.measure(manifest, SPEC)
    assert found is not None
    assert found.appearance.images == 4
    assert training_images.measure(without(manifest, "train"), SPEC) is None


def test_the_manifest_of_the_training_is_required(manifest: Manifest) -> None:
    """Without a manifest, or if the network was trained on another one, nothing is measured."""
    assert training_images.measure_if_known(None, None, SPEC) is None
    assert training_images.measure_if_known(manifest, "0" * 64, SPEC) is None
    assert training_images.measure_if_known(without(manifest, "train"), None, SPEC) is None
    found = training_images.measure_if_known(manifest, manifest.sha256, SPEC)
    measured = training_images.measure(manifest, SPEC)
    assert found is not None
    assert measured is not None
    assert found.to_json() == measured.to_json()
    assert training_images.measure_if_known(manifest, None, SPEC) is not None
