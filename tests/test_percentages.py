"""Tests of `edgewbc.percentages` against published tables and scipy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta  # type: ignore[import-untyped]

from edgewbc import percentages
from edgewbc.percentages import clopper_pearson, outwards, whole_percentages

RUEMKE = """
     100    200
 0   0-4    0-2
 1   0-6    0-4
 2   0-8    0-6
 3   0-9    1-7
 4   1-10   1-8
 5   1-12   2-10
 6   2-13   3-11
 7   2-14   3-12
 8   3-16   4-13
 9   4-17   5-14
10   4-18   6-16
15   8-24  10-21
20  12-30  14-27
25  16-35  19-32
30  21-40  23-37
35  25-46  28-43
40  30-51  33-48
45  35-56  37-53
50  39-61  42-58
"""
"""95 % limits in percent of a percentage (first column) of 100 and of 200 cells, as in Rümke's table."""


@pytest.mark.parametrize("row", RUEMKE.split("\n")[2:-1])
def test_exact_limits_are_those_of_the_tables_for_differential_counts(row: str) -> None:
    """The published tables round outwards; the limits of 100 minus a percentage mirror those of the percentage."""
    percent, *published = row.split()
    for n, limits in zip((100, 200), published, strict=True):
        low, high = map(int, limits.split("-"))
        k = int(percent) * n // 100
        bounds, mirrored = clopper_pearson(k, n), clopper_pearson(n - k, n)
        assert bounds is not None
        assert mirrored is not None
        assert outwards(bounds) == (low, high)
        assert outwards(mirrored) == (100 - high, 100 - low)


def test_exact_limits_of_5_percent_of_200() -> None:
    assert clopper_pearson(10, 200) == pytest.approx((0.0242, 0.0900), abs=5e-5)
    assert clopper_pearson(0, 0) is None


@given(st.integers(1, 20_000), st.floats(0, 1), st.sampled_from([0.9, 0.95, 0.999]))
def test_exact_limits_are_those_of_scipy(n: int, share: float, confidence: float) -> None:
    k = round(share * n)
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1))
    high = 1.0 if k == n else float(beta.ppf(1 - tail, k + 1, n - k))
    assert clopper_pearson(k, n, confidence) == pytest.approx((low, high), rel=1e-9, abs=1e-12)


def test_exact_limits_of_every_count_of_100_and_some_of_a_million_are_those_of_scipy() -> None:
    for n, counts in [(1, (0, 1)), (2, (0, 1, 2)), (100, range(101)), (1_000_000, (1, 2, 500, 500_000, 999_999))]:
        for k in counts:
            low = 0.0 if k == 0 else float(beta.ppf(0.025, k, n - k + 1))
            high = 1.0 if k == n else float(beta.ppf(0.975, k + 1, n - k))
            assert clopper_pearson(k, n) == pytest.approx((low, high), rel=1e-9, abs=1e-12), (k, n)


def test_exact_limits_take_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits are computed again with every decision on the review page, so their cost is felt."""
    calls = 0
    real = percentages._incomplete_beta

    def counted(x: float, a: float, b: float) -> float:
        nonlocal calls
        calls += 1
        return real(x, a, b)

    monkeypatch.setattr(percentages, "_incomplete_beta", counted)
    for k in range(1, 200):
        clopper_pearson(k, 200)
    assert calls / (2 * 199) < 6.5  # the mirrored fraction counts twice


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=12))
def test_whole_percentages_add_up_and_are_off_by_less_than_one(counts: list[int]) -> None:
    found = whole_percentages(counts)
    if not sum(counts):
        assert found is None
        return
    assert found is not None
    assert sum(found) == 100
    for count, percent in zip(counts, found, strict=True):
        assert abs(percent - 100 * count / sum(counts)) < 1
        assert count or not percent


def test_whole_percentages_give_the_missing_percent_to_the_largest_remainders() -> None:
    assert whole_percentages([1, 1, 1]) == [34, 33, 33]
    assert whole_percentages([67, 34, 98]) == [34, 17, 49]  # 33.67, 17.09, 49.25
    with pytest.raises(ValueError, match="negative"):
        whole_percentages([1, -1])
