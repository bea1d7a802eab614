"""Two counts of one sample: the range that chance allows is that of Fisher's test, and one difference is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom  # type: ignore[import-untyped]

from edgewbc.cases.case import Case
from edgewbc.cases.compare import CHANCE, compare, compare_with_software, expected_range
from edgewbc.lab.results import Status
from tests.cases.cases import cell, make_case


@settings(max_examples=60)
@given(st.integers(1, 300), st.floats(0, 1), st.integers(1, 300))
def test_the_range_ends_where_the_exact_test_finds_a_difference(n: int, share: float, other: int) -> None:
    k = round(share * n)
    low, high = expected_range(k, n, other)

    def chance(found: int) -> float:
        spread = hypergeom(n + other, k + found, other)
        return float(min(1.0, 2 * min(spread.cdf(found), spread.sf(found - 1))))

    assert 0 <= low <= k * other / n + 0.5
    assert k * other / n - 0.5 <= high <= other
    assert low == 0 or chance(low - 1) < CHANCE + 1e-9
    assert high == other or chance(high + 1) < CHANCE + 1e-9


def test_two_counts_of_100_cells() -> None:
    assert expected_range(10, 100, 100) == (3, 20)
    assert expected_range(0, 100, 100) == (0, 5)
    with pytest.raises(ValueError, match="3 of 2"):
        expected_range(3, 2, 5)


def test_open_cells_are_told_and_counts_of_one_case_id_are_told_apart(tmp_path: Path) -> None:
    a = make_case(tmp_path / "ada", [cell("neutrophil"), cell("monocyte", Status.REVIEW)], case="S-1")
    b = make_case(tmp_path / "bob", [cell("neutrophil")], case="S-1")
    found = compare(Case.read(a), Case.read(b))
    assert (found.names, found.open) == (("ada", "bob"), (1, 0))
    assert found.table().splitlines()[-2:] == [
        "ada: 1 cell is open, not compared: decide on each first",
        "same label for 1 of 1 cells that both labeled",
    ]
    assert compare(Case.read(b), Case.read(b)).names == ("first", "second")
    assert compare_with_software(Case.read(a)).open == (0, 1)


def test_two_people_on_the_same_images_are_compared_cell_by_cell(tmp_path: Path) -> None:
    """By the image and the place of a cell; an open one is not compared, and of other images there is no agreement."""
    labels = [cell("neutrophil"), cell("monocyte"), cell("lymphocyte", Status.REVIEW)]
    ada, bob = make_case(tmp_path / "ada", labels), make_case(tmp_path / "bob", labels)
    with Case.open(bob) as case:
        case.decide(2, "lymphocyte", "Bob")
        case.decide(3, "lymphocyte", "Bob")
    assert compare(Case.read(ada), Case.read(bob)).agree == (1, 2)
    elsewhere = make_case(tmp_path / "elsewhere", labels, seed=8)
    assert compare(Case.read(ada), Case.read(elsewhere)).agree is None
