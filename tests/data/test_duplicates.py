"""Tests of `edgewbc.data.duplicates`. What an audit makes of them is tested in `test_audit`."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.data import duplicates
from edgewbc.data.duplicates import (
    CORRELATION,
    HASH_BITS,
    MOST,
    THUMBNAIL,
    Fingerprint,
    Near,
    _correlations,
    near_duplicates,
    near_pairs,
)
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
@given(seed=st.integers(0, 999), number=st.integers(2, MOST + 1), limit=st.integers(0, 40))
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


def same_by_the_hundred(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return hashes and thumbnails of n images in three kinds, each of which looks the same."""
    kinds = np.random.default_rng(seed).integers(0, 3, n)
    hashes = np.array([0, (1 << 32) - 1, (1 << 64) - 1], np.uint64)[kinds]
    return hashes, np.zeros((n, 2, 2, 3), np.uint8)


def together(pairs: list[Near], n: int) -> list[set[int]]:
    """Return the sets of images that pairs connect, by their smallest one."""
    sets = [{number} for number in range(n)]
    for pair in pairs:
        if sets[pair.first] is not sets[pair.second]:
            sets[pair.first] |= sets[pair.second]
            for number in sets[pair.second]:
                sets[number] = sets[pair.first]
    return [each for number, each in enumerate(sets) if number == min(each)]


@pytest.mark.parametrize("max_exact", [0, 10_000])
@pytest.mark.parametrize("block", [40, 1024])
def test_images_that_look_the_same_by_the_hundred(max_exact: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of 600 is the copy of 199 others: the pairs are few, and still connect all that look the same."""
    monkeypatch.setattr(duplicates, "_BLOCK", block)
    hashes, thumbnails = same_by_the_hundred(600, 1)
    found = near_pairs(hashes, np.arange(600), thumbnails, max_exact=max_exact, most=5)
    assert len(found) <= 600 * (1 + 5 / 2)
    assert together(found, 600) == [
        set(np.flatnonzero(hashes == hashes[number]).tolist())
        for number in range(600)
        if number == np.flatnonzero(hashes == hashes[number])[0]
    ]
    assert found == sorted(set(found), key=lambda pair: (pair.first, pair.second))


def test_few_copies_are_all_listed() -> None:
    """An image has its pairs with all others up to the limit, however many connect them already."""
    blank = np.zeros((MOST + 1, 2, 2, 3), np.uint8)
    found = near_pairs(np.zeros(MOST + 1, np.uint64), np.arange(MOST + 1), blank)
    assert len(found) == (MOST + 1) * MOST // 2
