"""Which pictures come when."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.pixels import PixelSpec
from edgewbc.train.batches import plan, views
from edgewbc.train.recipe import Augment
from tests.coloured import make_manifest


@given(st.lists(st.integers(0, 3), min_size=1, max_size=80), st.integers(1, 9), st.integers(0, 5))
def test_without_balancing_each_picture_comes_at_most_once(labels, batch, seed):
    """Balance 0 is a permutation, short of an incomplete last batch."""
    drawn = np.concatenate(plan(np.array(labels), batch, 0.0, seed, 0))
    assert len(np.unique(drawn)) == len(drawn)
    assert len(drawn) == (len(labels) // batch * batch or len(labels))


def test_balancing_draws_classes_equally():
    """Balance 1 draws a class of 90 and one of 10 equally often, and every rare picture before any again."""
    labels = np.array([0] * 90 + [1] * 10)
    drawn = np.concatenate(plan(labels, 10, 1.0, 0, 0))
    assert np.bincount(labels[drawn]).tolist() == [50, 50]
    assert np.bincount(drawn)[90:].tolist() == [5] * 10


def test_epochs_and_seeds_differ_and_repeat():
    """The same seed and epoch give the same batches; another epoch gives others."""
    labels = np.arange(40) % 3

    def flat(seed, epoch):
        return np.concatenate(plan(labels, 8, 0.5, seed, epoch)).tolist()

    assert flat(1, 2) == flat(1, 2)
    assert flat(1, 2) != flat(1, 3)
    assert flat(1, 2) != flat(2, 2)


def test_a_resumed_epoch_draws_the_same_pictures(tmp_path):
    """From batch 2 on, pictures are byte for byte those of an unbroken epoch, with any number of threads."""
    manifest = make_manifest(tmp_path, per_class=4)
    entries = manifest.split("train")
    chosen = plan(np.zeros(len(entries), dtype=np.int64), 4, 0.0, 0, 0)
    spec = PixelSpec(16, 16)

    def stream(first, workers):
        return list(
            views(manifest, entries, (spec,), chosen, ranges=Augment(), seed=(0, 0), first=first, workers=workers)
        )

    whole, rest = stream(0, 2), stream(2, 1)
    assert [rows.tolist() for _, rows in whole] == [rows.tolist() for rows in chosen]
    assert len(rest) == len(whole) - 2
    for ((a,), _), ((b,), _) in zip(whole[2:], rest, strict=True):
        assert a.shape == (4, 16, 16, 3)
        assert np.array_equal(a, b)


def test_views_show_the_same_cell_at_each_size(tmp_path):
    """At half the size and at the whole, the changes are the same ones; the first view is what its size alone gives."""
    manifest = make_manifest(tmp_path, per_class=4, side=64)
    entries = manifest.split("train")
    chosen = [np.arange(6)]
    sizes = (PixelSpec(32, 32), PixelSpec(16, 16))
    options = {"ranges": Augment(blur=0), "seed": (0, 0, 0)}
    ((large, small), rows), *_ = views(manifest, entries, sizes, chosen, **options)
    (alone,), _ = next(views(manifest, entries, sizes[:1], chosen, **options))
    assert (rows == chosen[0]).all()
    assert np.array_equal(large, alone)
    halved = np.stack([cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA) for picture in large])
    assert np.abs(halved.astype(int) - small).mean() < 4
    assert np.abs(halved.astype(int) - small[::-1]).mean() > 12
