"""Tests of `edgewbc.train.batches`: the order of the training images, and their augmented batches."""

from pathlib import Path

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgewbc.pixels import PixelSpec
from edgewbc.train.batches import augmented, plan
from edgewbc.train.recipe import Augment
from tests.colored import make_manifest


@given(st.lists(st.integers(0, 3), min_size=1, max_size=80), st.integers(1, 9), st.integers(0, 5))
def test_unbalanced_plan_draws_each_image_at_most_once(labels: list[int], batch: int, seed: int) -> None:
    """With balance 0, a plan is a permutation without the incomplete last batch."""
    drawn = np.concatenate(plan(np.array(labels), batch, 0.0, seed, 0))
    assert len(np.unique(drawn)) == len(drawn)
    assert len(drawn) == (len(labels) // batch * batch or len(labels))


def test_balanced_plan_draws_classes_equally() -> None:
    """With balance 1, classes of 90 and of 10 are drawn equally often, and each rare image equally often."""
    labels = np.array([0] * 90 + [1] * 10)
    drawn = np.concatenate(plan(labels, 10, 1.0, 0, 0))
    assert np.bincount(labels[drawn]).tolist() == [50, 50]
    assert np.bincount(drawn)[90:].tolist() == [5] * 10


def test_balanced_plan_draws_microscopes_equally() -> None:
    """Within a class, a microscope of 45 images and one of 5 are drawn equally often with balance 1."""
    labels = np.array([0] * 50 + [1] * 50)
    microscopes = np.array(([0] * 45 + [1] * 5) * 2)
    drawn = np.concatenate(plan(labels, 10, 1.0, 0, 0, microscopes))
    assert np.bincount(labels[drawn]).tolist() == [50, 50]
    assert np.bincount(microscopes[drawn]).tolist() == [50, 50]
    assert np.bincount(drawn)[45:50].tolist() == [5] * 5


def test_one_microscope_is_drawn_as_none() -> None:
    """A manifest of one microscope draws the batches that it drew without the column."""
    labels = np.arange(61) % 4
    assert all(
        np.array_equal(a, b)
        for a, b in zip(plan(labels, 8, 0.5, 3, 1), plan(labels, 8, 0.5, 3, 1, np.zeros_like(labels)), strict=True)
    )


def test_plan_follows_from_seed_and_epoch() -> None:
    """The same seed and epoch give the same batches; another seed or epoch gives others."""
    labels = np.arange(40) % 3

    def flat(seed: int, epoch: int) -> list[int]:
        return [int(index) for index in np.concatenate(plan(labels, 8, 0.5, seed, epoch))]

    assert flat(1, 2) == flat(1, 2)
    assert flat(1, 2) != flat(1, 3)
    assert flat(1, 2) != flat(2, 2)


def test_resumed_epoch_draws_the_same_images(tmp_path: Path) -> None:
    """From batch 2 on, images equal those of a complete epoch, with another number of workers."""
    manifest = make_manifest(tmp_path, per_class=4)
    entries = manifest.split("train")
    batches = plan(np.zeros(len(entries), dtype=np.int64), 4, 0.0, 0, 0)
    spec = PixelSpec(16, 16)

    def stream(first: int, workers: int) -> list[tuple[tuple[NDArray[np.uint8], ...], NDArray[np.int64]]]:
        options = {"ranges": Augment(), "seed": (0, 0)}
        return list(augmented(manifest, entries, (spec,), batches, first=first, workers=workers, **options))  # type: ignore[arg-type]

    complete, rest = stream(0, 2), stream(2, 1)
    assert [rows.tolist() for _, rows in complete] == [rows.tolist() for rows in batches]
    assert len(rest) == len(complete) - 2
    for ((a,), _), ((b,), _) in zip(complete[2:], rest, strict=True):
        assert a.shape == (4, 16, 16, 3)
        assert np.array_equal(a, b)


def test_all_input_sizes_have_the_same_augmentation(tmp_path: Path) -> None:
    """The view at half the size is the full view, resized; further sizes do not change the first view."""
    manifest = make_manifest(tmp_path, per_class=4, side=64)
    entries = manifest.split("train")
    batches = [np.arange(6)]
    sizes = (PixelSpec(32, 32), PixelSpec(16, 16))
    ranges = Augment(blur=0)
    ((large, small), rows), *_ = augmented(manifest, entries, sizes, batches, ranges=ranges, seed=(0, 0, 0))
    (alone,), _ = next(augmented(manifest, entries, sizes[:1], batches, ranges=ranges, seed=(0, 0, 0)))
    assert (rows == batches[0]).all()
    assert np.array_equal(large, alone)
    halved = np.stack([cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA) for image in large])
    assert np.abs(halved.astype(int) - small).mean() < 4
    assert np.abs(halved.astype(int) - small[::-1]).mean() > 12
