"""Tests of edgewbc.data.sampling."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.data.manifest import Entry, Split
from edgewbc.data.sampling import balanced


def entries(counts: list[int]) -> list[Entry]:
    return [
        Entry(f"{label}/{i}.png", f"class{label}", f"{label}/{i}", Split.TRAIN, "0" * 64)
        for label, count in enumerate(counts)
        for i in range(count)
    ]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=5), st.integers(1, 40), st.integers(0, 3))
def test_draw_is_balanced_without_repeats(counts: list[int], count: int, seed: int) -> None:
    """The requested number or all entries are drawn, none twice; class counts differ by at most 1 where possible."""
    everything = entries(counts)
    drawn = balanced(everything, count, seed)
    assert len(drawn) == len({entry.path for entry in drawn}) == min(count, len(everything))
    found = Counter(entry.label for entry in drawn)
    most = max(found.values(), default=0)
    for label, there in enumerate(counts):
        assert found[f"class{label}"] >= min(there, most - 1)


def test_seed_decides() -> None:
    """The same seed draws the same entries, another seed draws others."""
    everything = entries([50, 50])
    assert balanced(everything, 10, 1) == balanced(everything, 10, 1)
    assert balanced(everything, 10, 1) != balanced(everything, 10, 2)


def test_count_below_one_is_an_error() -> None:
    """A count below 1 is an error."""
    with pytest.raises(ValueError, match="count is 0"):
        balanced(entries([3]), 0)
