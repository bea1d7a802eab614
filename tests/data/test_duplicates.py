"""Tests of `edgewbc.data.duplicates`. What an audit makes of them is tested in `test_audit`."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.data.duplicates import CORRELATION, HASH_BITS, THUMBNAIL, Fingerprint, _correlations, near_duplicates
from edgewbc.data.duplicates import fingerprint as of
from edgewbc.synth.cells import draw_cell


@pytest.fixture(scope="module")
def cell() -> np.ndarray:
    """A synthetic cell of 96 pixels."""
    return draw_cell("monocyte", np.random.default_rng(8), 96)


def test_a_fingerprint_is_64_bits_and_a_thumbnail(cell: np.ndarray) -> None:
    """bool (64,) and uint8 (48, 48, 3), the same for the same image at twice the size, to a bit or two."""
    one, two = of(cell), of(cv2.resize(cell, (192, 192), interpolation=cv2.INTER_CUBIC))
    assert one.bits.shape == (64,)
    assert one.bits.dtype == bool
    assert one.thumbnail.shape == (THUMBNAIL, THUMBNAIL, 3)
    assert np.count_nonzero(one.bits != two.bits) <= 2


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda p: cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1), True),
        (lambda p: np.clip(p.astype(int) + 20, 0, 255).astype(np.uint8), True),
        (lambda p: np.ascontiguousarray(p[:, ::-1]), False),
        (lambda p: np.roll(p, 12, 1), False),
    ],
    ids=["poor JPEG", "brighter", "mirrored", "moved by an eighth"],
)
def test_what_counts_as_the_same_picture(cell: np.ndarray, change, found: bool) -> None:  # type: ignore[no-untyped-def]
    """Saved anew or brightened it is found; mirrored or moved far it is not, as the module says."""
    pairs = near_duplicates([of(cell), of(np.asarray(change(cell), np.uint8))])
    assert bool(pairs) is found
    assert all(pair.bits <= HASH_BITS and pair.correlation >= CORRELATION for pair in pairs)


def test_correlation_does_not_see_light_and_colour_casts() -> None:
    """A constant added to a channel and a factor change nothing; an inverted image has -1; noise has about 0."""
    random = np.random.default_rng(0)
    base = random.integers(60, 120, (1, 48, 48, 3), dtype=np.uint8)
    cast = (base + np.array([10, 0, 50])).astype(np.uint8)
    noise = random.integers(60, 120, (1, 48, 48, 3), dtype=np.uint8)
    stack = np.concatenate([base * 2, cast, 255 - base, noise])
    found = _correlations(np.repeat(base, 4, 0), stack)
    np.testing.assert_allclose(found, [1, 1, -1, 0], atol=0.03)


@settings(max_examples=25)
@given(seed=st.integers(0, 999), number=st.integers(2, 40), limit=st.integers(0, 40))
def test_pairs_are_those_of_a_plain_comparison(seed: int, number: int, limit: int) -> None:
    """The matrix of signs finds what comparing every pair bit by bit finds, in order, first before second."""
    random = np.random.default_rng(seed)
    grey = np.full((48, 48, 3), 9, np.uint8)  # flat ones correlate by definition: the bits alone decide
    prints = [Fingerprint(random.random(64) < 0.5, grey) for _ in range(number)]
    wanted = [
        (i, j, int(np.count_nonzero(prints[i].bits != prints[j].bits)))
        for i in range(number)
        for j in range(i + 1, number)
    ]
    found = near_duplicates(prints, bits=limit)
    assert [(pair.first, pair.second, pair.bits) for pair in found] == [pair for pair in wanted if pair[2] <= limit]
