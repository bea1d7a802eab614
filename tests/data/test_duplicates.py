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
    """Bits are bool (64,), the thumbnail uint8 (48, 48, 3); at twice the size at most two bits differ."""
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
def test_which_changes_are_near_duplicates(cell: np.ndarray, change, found: bool) -> None:  # type: ignore[no-untyped-def]
    """A recompressed or brightened copy is detected; a mirrored or shifted one is not."""
    pairs = near_duplicates([of(cell), of(np.asarray(change(cell), np.uint8))])
    assert bool(pairs) is found
    assert all(pair.bits <= HASH_BITS and pair.correlation >= CORRELATION for pair in pairs)


def test_correlation_ignores_brightness_and_color_casts() -> None:
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
def test_pairs_agree_with_a_brute_force_search(seed: int, number: int, limit: int) -> None:
    """The matrix product gives the same pairs as comparing every pair bit by bit, in order, first before second."""
    random = np.random.default_rng(seed)
    gray = np.full((48, 48, 3), 9, np.uint8)  # constant thumbnails correlate by definition, so only the bits decide
    prints = [Fingerprint(random.random(64) < 0.5, gray) for _ in range(number)]
    expected = [
        (i, j, int(np.count_nonzero(prints[i].bits != prints[j].bits)))
        for i in range(number)
        for j in range(i + 1, number)
    ]
    found = near_duplicates(prints, bits=limit)
    assert [(pair.first, pair.second, pair.bits) for pair in found] == [pair for pair in expected if pair[2] <= limit]
