"""Pairs of similar perceptual hashes among many: all of them, or nearly all at a cost that grows little faster than n.

Comparing each hash with each other takes n^2 / 2 steps. Locality-sensitive hashing (bit sampling: Indyk and Motwani,
STOC 1998) compares only those that agree in some of their bits: a table draws `sampled_bits` of the 64 bits, and hashes
that agree in all of these are candidates. Two hashes that differ in d bits are missed by a table with the probability
1 - C(64 - d, k) / C(64, k), and by all of them with that to the power of `TABLES` (see `recall`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Hashes: TypeAlias = NDArray[np.uint64]
Pairs: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Indices of two hashes each, the smaller one first."""

TABLES: Final = 64
"""Tables of the search. With a million images, and so 24 bits sampled, 99.99 % of the pairs that differ in 4 bits have
a table in common, 97 % of those that differ in 6, and 67 % of those that differ in 8. (Copies of 481 cells of PBC:
saved as a poor JPEG, at half the size, restained or brightened they differ in at most 4 bits, but for 5 % of the
brightened; cropped by 3 % or shifted by 1 %, one in ten differs in 6 and one in sixty in 8.)"""

MAX_GROUP: Final = 256
"""Hashes of a table that agree are compared with this many that follow: enough to connect all, however many agree."""

_BITS = 64
_BLOCK: Final = 1 << 23
"""Distances that are computed at once, 32 MB of them."""


def distances(ones: Hashes, twos: Hashes) -> NDArray[np.uint8]:
    """Return the number of bits in which pairs of hashes differ, uint8 (n,)."""
    differ = ones ^ twos
    if hasattr(np, "bitwise_count"):  # NumPy 2
        return np.asarray(np.bitwise_count(differ), dtype=np.uint8)
    return np.asarray(np.unpackbits(differ.view(np.uint8)).reshape(-1, _BITS).sum(1), dtype=np.uint8)


def all_pairs(hashes: Hashes, bits: int) -> Iterator[Pairs]:
    """Yield all pairs of hashes, uint64 (n,), that differ in at most `bits` bits, block by block."""
    n = len(hashes)
    signs = np.where(np.unpackbits(hashes.view(np.uint8)).reshape(n, _BITS), np.float32(1), np.float32(-1))
    rows_at_once = max(1, _BLOCK // max(1, n))
    for start in range(0, n, rows_at_once):
        # The dot product of two vectors of +1 and -1 is 64 less twice the number of bits that differ.
        differ = (_BITS - signs[start : start + rows_at_once] @ signs[start:].T) / 2
        rows, columns = np.nonzero(differ <= bits)
        keep = columns > rows
        yield start + rows[keep], start + columns[keep]


def sampled_bits(n: int) -> int:
    """Return how many bits a table samples of n hashes: as many as keep the candidates of an image at a few dozen."""
    return min(40, max(8, round(1.2 * math.log2(max(2, n)))))


def recall(bits: int, n: int, tables: int = TABLES) -> float:
    """Return the probability that `most_pairs` of n hashes finds two that differ in `bits` bits."""
    k = sampled_bits(n)
    agree = math.comb(_BITS - bits, k) / math.comb(_BITS, k)
    return 1 - (1 - agree) ** tables


def masks(n: int, tables: int = TABLES, seed: int = 0) -> Hashes:
    """Return the bits that each table samples, uint64 (tables,)."""
    random = np.random.default_rng(seed)
    drawn = (random.choice(_BITS, sampled_bits(n), replace=False) for _ in range(tables))
    return np.array([sum(1 << int(bit) for bit in bits) for bits in drawn], dtype=np.uint64)


def most_pairs(hashes: Hashes, bits: int, tables: int = TABLES) -> Iterator[Pairs]:
    """Yield nearly all pairs of hashes, uint64 (n,), that differ in at most `bits` bits, each once; see `recall`.

    Memory: about 40 bytes for each hash.
    """
    every = masks(len(hashes), tables)
    for number, mask in enumerate(every):
        for ones, twos in _agreeing(hashes & mask):
            near = distances(hashes[ones], hashes[twos]) <= bits
            ones, twos = ones[near], twos[near]
            differ = hashes[ones] ^ hashes[twos]
            new = np.ones(len(ones), bool)
            for earlier in every[:number]:
                new &= (differ & earlier) != 0
            if new.any():
                ones, twos = ones[new], twos[new]
                yield np.minimum(ones, twos), np.maximum(ones, twos)


def _agreeing(keys: Hashes) -> Iterator[Pairs]:
    """Yield the pairs of equal keys: all neighbors in sorted order, then all that are two apart, and so on."""
    order = np.argsort(keys)
    ordered = keys[order]
    at = np.arange(len(keys))
    for apart in range(1, MAX_GROUP + 1):
        at = at[at < len(keys) - apart]
        at = at[ordered[at] == ordered[at + apart]]  # if two agree, so do all between them
        if not len(at):
            return
        yield order[at], order[at + apart]
