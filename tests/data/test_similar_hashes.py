"""Tests of `edgewbc.data.similar_hashes`: which pairs are found, and how many of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.data import similar_hashes
from edgewbc.data.similar_hashes import Hashes, all_pairs, distances, most_pairs, recall, sampled_bits


def drawn(n: int, seed: int = 0) -> Hashes:
    return np.random.default_rng(seed).integers(0, 1 << 64, n, dtype=np.uint64)


def flipped(hashes: Hashes, bits: int, seed: int = 0) -> Hashes:
    """Return hashes of which `bits` bits differ."""
    random = np.random.default_rng(seed)
    masks = [sum(1 << int(bit) for bit in random.choice(64, bits, replace=False)) for _ in hashes]
    return hashes ^ np.array(masks, np.uint64)


def pairs_of(found: object) -> list[tuple[int, int]]:
    return sorted((int(i), int(j)) for ones, twos in found for i, j in zip(ones, twos, strict=True))  # type: ignore[attr-defined]


def brute(hashes: Hashes, bits: int) -> list[tuple[int, int]]:
    numbers = [int(value) for value in hashes]
    return [
        (i, j) for i in range(len(numbers)) for j in range(i + 1, len(numbers))
        if (numbers[i] ^ numbers[j]).bit_count() <= bits
    ]  # fmt: skip


def test_distances_are_numbers_of_bits() -> None:
    """With NumPy 2's function and without it."""
    ones, twos = np.array([0, 5, 1 << 63], np.uint64), np.array([0, 2, (1 << 64) - 1], np.uint64)
    assert distances(ones, twos).tolist() == [0, 3, 63]


@settings(max_examples=25)
@given(n=st.integers(2, 60), bits=st.integers(0, 30), seed=st.integers(0, 99))
def test_all_pairs_are_all(n: int, bits: int, seed: int) -> None:
    """The blocks together hold each pair once."""
    hashes = np.concatenate([drawn(n, seed), drawn(2, seed)])
    assert pairs_of(all_pairs(hashes, bits)) == brute(hashes, bits)


@pytest.mark.parametrize("bits", [0, 2, 4])
def test_most_pairs_finds_what_is_close(bits: int) -> None:
    """Each pair is found once, only similar ones are, and of those that differ in few bits none is missed."""
    hashes = drawn(2000)
    both = np.concatenate([hashes, flipped(hashes, bits)])
    found = pairs_of(most_pairs(both, 12))
    assert len(found) == len(set(found))
    assert set(found) <= set(brute_near(both, 12))
    assert {(i, i + 2000) for i in range(2000)} <= set(found)


def brute_near(hashes: Hashes, bits: int) -> list[tuple[int, int]]:
    return pairs_of(all_pairs(hashes, bits))


def test_recall_is_what_is_measured() -> None:
    """The share of pairs that are found is the one that the formula gives, where the tables are too few for all."""
    hashes, bits, tables = drawn(4000), 8, 6
    both = np.concatenate([hashes, flipped(hashes, bits)])
    found = set(pairs_of(most_pairs(both, bits, tables)))
    share = sum((i, i + 4000) in found for i in range(4000)) / 4000
    assert share == pytest.approx(recall(bits, len(both), tables), abs=0.12)
    assert 0.3 < share < 0.95


def test_recall_of_a_million() -> None:
    """The figures in the documentation of `TABLES`."""
    assert sampled_bits(10**6) == 24
    assert [round(recall(bits, 10**6), 4) for bits in (4, 6, 8)] == [1.0, 0.9654, 0.6743]


def test_many_equal_hashes_stay_affordable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blank images all have one hash: they are connected by few pairs, instead of each with each."""
    monkeypatch.setattr(similar_hashes, "MAX_GROUP", 3)
    found = pairs_of(most_pairs(np.zeros(500, np.uint64), 12))
    assert len(found) < 500 * 3 * similar_hashes.TABLES
    joined = {0}
    for _ in range(500):
        joined |= {j for i, j in found if i in joined} | {i for i, j in found if j in joined}
        if len(joined) == 500:
            break
    assert len(joined) == 500
