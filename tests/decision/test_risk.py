"""Risk control: exact bounds, the choice of the threshold, and that the guarantee holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgewbc.decision.risk import DELTA, GRID, STARTS, RiskTable, least, tail, upper_bound
from edgewbc.errors import UserError


@pytest.mark.parametrize(
    ("k", "n", "level", "bound"),
    [(0, 100, 0.05, 0.029513), (3, 1000, 0.05, 0.0077355), (5, 50, 0.025, 0.21814), (10, 10, 0.05, 1.0)],
)
def test_upper_bound_is_that_of_clopper_and_pearson(k: int, n: int, level: float, bound: float) -> None:
    """Values of the beta quantile (Clopper and Pearson), one-sided."""
    assert upper_bound(k, n, level) == pytest.approx(bound, rel=1e-3)


def test_tail_is_the_binomial_distribution() -> None:
    """P(Binomial(n, p) <= k), also where (1 - p) ** n is smaller than any float."""
    assert tail(1, 3, 0.5) == pytest.approx(0.5)
    assert tail(3, 3, 0.2) == 1
    assert tail(0, 10, 0.1) == pytest.approx(0.9**10)
    assert tail(100_000, 1_000_000, 0.1) == pytest.approx(0.5, abs=0.01)


def test_least_number_of_cells() -> None:
    """So many cells, all correct, are just enough."""
    assert least(0.01, 0.05) == 299
    assert tail(0, 299, 0.01) <= 0.05 < tail(0, 298, 0.01)


def draw(n: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return calibrated probabilities of two classes and labels drawn from them."""
    random = np.random.default_rng(seed)
    surest = 1 - 0.5 * random.random(n) ** 12
    wrong = random.random(n) > surest
    return np.stack([surest, 1 - surest], axis=1).astype(np.float32), wrong.astype(np.int64)


def risk(threshold: float) -> float:
    """Return the true share of mislabeled cells above a threshold."""
    probabilities, _ = draw(400_000, 999)
    surest = probabilities.max(1)
    return float((1 - surest[surest >= threshold]).mean())


def test_the_guarantee_holds() -> None:
    """Over many draws of validation cells, the risk of the chosen threshold exceeds the error in at most delta."""
    risks = {threshold: risk(threshold) for threshold in GRID}
    chosen = []
    for seed in range(300):
        try:
            chosen.append(RiskTable.of(*draw(1500, seed)).choose(0.02).threshold)
        except UserError:
            chosen.append(1.0)
    exceeded = np.mean([risks.get(threshold, 0.0) > 0.02 for threshold in chosen])
    assert exceeded <= DELTA
    assert np.mean([threshold < 1 for threshold in chosen]) > 0.9
    assert len(set(chosen)) > 3


def test_the_choice_says_what_it_rests_on() -> None:
    """The counts are those of the table, and the bound is not above the error that was asked for."""
    table = RiskTable.of(*draw(3000, 1))
    choice = table.choose(0.02)
    place = GRID.index(choice.threshold)
    assert (choice.n, choice.accepted, choice.wrong) == (3000, table.accepted[place], table.wrong[place])
    assert choice.wrong / choice.accepted < choice.bound <= 0.02
    assert choice.bound == pytest.approx(upper_bound(choice.wrong, choice.accepted, DELTA / len(STARTS)), abs=1e-6)
    assert set(choice.to_json()) == {"max_error", "delta", "n", "accepted", "wrong", "bound"}


def test_a_larger_error_allows_a_lower_threshold() -> None:
    """Thresholds descend with the error that is allowed, and end at the lowest of the grid."""
    table = RiskTable.of(*draw(3000, 2))
    found = [table.choose(error).threshold for error in (0.01, 0.02, 0.05, 0.3)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == GRID[0]


def test_too_few_cells_are_said_so_in_one_line() -> None:
    """100 cells guarantee no error of 1 %, even if all are correct."""
    table = RiskTable.of(np.array([[0.9999, 0.0001]] * 100, np.float32), np.zeros(100, np.int64))
    with pytest.raises(
        UserError, match="100 validation cells cannot guarantee an error of 1 %.* at least 408"
    ) as found:
        table.choose(0.01)
    assert "\n" not in str(found.value)


def test_too_many_errors_are_said_so_in_one_line() -> None:
    """Where a tenth of the surest cells is mislabeled, no threshold helps."""
    table = RiskTable.of(np.array([[0.9999, 0.0001]] * 1000, np.float32), np.arange(1000) % 10 // 9)
    with pytest.raises(UserError, match="no threshold guarantees an error of 1 %.*lowest bound of any is 12"):
        table.choose(0.01)


@pytest.mark.parametrize("error", [0.0, 1.0, -0.1, float("nan")])
def test_an_error_that_is_no_share_is_refused(error: float) -> None:
    """Only shares between 0 and 1 can be guaranteed."""
    with pytest.raises(UserError, match="must be a share between 0 and 1"):
        RiskTable.of(*draw(100, 0)).choose(error)


def test_json_is_read_back() -> None:
    """What is written is read back."""
    table = RiskTable.of(*draw(500, 3))
    assert RiskTable.from_json(table.to_json()) == table


@pytest.mark.parametrize(
    "change",
    [
        {"n": 1},
        {"n": True},
        {"thresholds": [0.9, 0.5]},
        {"thresholds": [0.5]},
        {"thresholds": []},
        {"thresholds": [0.5, float("nan")]},
        {"accepted": [10, 11.5]},
        {"wrong": [11, 0]},
        {"wrong": [-1, 0]},
        {"wrong": None},
    ],
)
def test_a_malformed_table_is_refused(change: dict[str, Any]) -> None:
    """A table that cannot be counts of cells is not used."""
    sound = {"n": 10, "thresholds": [0.5, 0.9], "accepted": [10, 8], "wrong": [1, 0]}
    assert RiskTable.from_json(sound).n == 10
    with pytest.raises(ValueError, match="risk is malformed"):
        RiskTable.from_json({**sound, **change})
