"""Choose the review threshold by risk control: of the cells that are accepted, at most a given share is mislabeled.

The *risk* of a threshold is the share of mislabeled cells among those whose calibrated probability reaches it. A
threshold is chosen such that, with probability 1 - delta over the draw of the validation cells, its risk is at most the
share that was asked for. Method: Learn then Test (Angelopoulos et al. 2021, arXiv 2110.01052) with exact binomial
p-values and fixed sequence testing from several starts. For a threshold that n validation cells reach, k of them
mislabeled, the p-value of "the risk is above a" is P(Binomial(n, a) <= k). The thresholds are a fixed grid, tested from
each start towards lower ones until one is not rejected; each start has its part of delta.

Assumption: the validation cells and the cells to come are drawn alike and independently, and the validation cells had
no part in the fit. Two things weaken it. The training keeps the epoch that is best on validation, and the temperature
is fitted there; both make the validation slightly too good. And another laboratory is another draw: there, nothing is
guaranteed before the threshold is chosen on its cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.decision.views import surest
from edgewbc.errors import UserError

DELTA = 0.05
"""Probability that the guarantee does not hold."""
GRID = tuple(round(1 - 0.5 * 10 ** (-step / 20), 6) for step in range(61))
"""The thresholds that are tested, ascending from 0.5 to 0.9995. They do not depend on the data."""
STARTS = (0.9995, 0.99, 0.9)
"""Thresholds from which testing starts, so that a model with few very high probabilities is not lost at once."""
_MAX_CELLS = 10**9


@dataclass(frozen=True)
class RiskChoice:
    """A review threshold chosen by risk control.

    Attributes:
        threshold: probability below which a person should check a label.
        max_error: largest share of the accepted cells that may be mislabeled.
        delta: probability that the share is larger all the same.
        n: number of validation cells.
        accepted, wrong: how many of them reach the threshold, and how many of those are mislabeled.
        bound: upper confidence bound of the share that is mislabeled (Clopper-Pearson, at the level of the test).
    """

    threshold: float
    max_error: float
    delta: float
    n: int
    accepted: int
    wrong: int
    bound: float

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values, as a bundle's `review` and a run's settings hold them."""
        return {
            "max_error": self.max_error,
            "delta": self.delta,
            "n": self.n,
            "accepted": self.accepted,
            "wrong": self.wrong,
            "bound": self.bound,
        }


@dataclass(frozen=True)
class RiskTable:
    """What validation says of each threshold of the grid; a bundle carries it, so that a lab can choose its own error.

    Attributes:
        n: number of validation cells.
        thresholds: ascending.
        accepted: number of cells whose probability reaches each threshold.
        wrong: number of those that are mislabeled.
    """

    n: int
    thresholds: tuple[float, ...]
    accepted: tuple[int, ...]
    wrong: tuple[int, ...]

    @classmethod
    def of(
        cls,
        probabilities: NDArray[np.float32],
        truth: NDArray[np.int64],
        sure: NDArray[np.floating] | None = None,
    ) -> RiskTable:
        """Count validation cells.

        Args:
            probabilities: calibrated, (n, K).
            truth: class indices, (n,).
            sure: what a threshold is compared with, (n,); None takes each cell's highest probability.
        """
        compared, wrong = surest(probabilities, sure), probabilities.argmax(1) != truth
        reach = [compared >= threshold for threshold in GRID]
        counts = [int(each.sum()) for each in reach]
        return cls(len(truth), GRID, tuple(counts), tuple(int((each & wrong).sum()) for each in reach))

    @classmethod
    def from_json(cls, values: Any) -> RiskTable:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is not of that form.
        """
        try:
            n, thresholds = values["n"], values["thresholds"]
            accepted, wrong = values["accepted"], values["wrong"]
            sound = (
                0 < len(thresholds) == len(accepted) == len(wrong) <= 1000
                and all(type(value) is int for value in (n, *accepted, *wrong))
                and all(0 < low < high <= 1 for low, high in zip(thresholds, [*thresholds[1:], 1], strict=True))
                and all(0 <= bad <= good <= n <= _MAX_CELLS for bad, good in zip(wrong, accepted, strict=True))
            )
        except (KeyError, TypeError):
            sound = False
        if not sound:
            raise ValueError("risk is malformed")
        return cls(n, tuple(map(float, thresholds)), tuple(accepted), tuple(wrong))

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return {
            "n": self.n,
            "thresholds": list(self.thresholds),
            "accepted": list(self.accepted),
            "wrong": list(self.wrong),
        }

    def choose(self, max_error: float, delta: float = DELTA) -> RiskChoice:
        """Return the lowest threshold whose risk is at most `max_error`, with probability 1 - delta.

        Raises:
            UserError: there is none, in one line: too few validation cells, or too many errors in them.
        """
        if not 0 < max_error < 1:
            raise UserError(f"max-error {max_error}: must be a share between 0 and 1, such as 0.01")
        level = delta / len(STARTS)
        passed: list[int] = []
        for start in STARTS:
            tested = [number for number, threshold in enumerate(self.thresholds) if threshold <= start]
            for number in reversed(tested):
                if tail(self.wrong[number], self.accepted[number], max_error) > level:
                    break
                passed.append(number)
        if passed:
            best = min(passed)
            k, n = self.wrong[best], self.accepted[best]
            bound = round(upper_bound(k, n, level), 6)
            return RiskChoice(self.thresholds[best], max_error, delta, self.n, n, k, bound)
        share, needed = f"{100 * max_error:g} %", least(max_error, level)
        if self.n < needed:
            raise UserError(
                f"max-error {max_error:g}: {self.n} validation cells cannot guarantee an error of {share}: it takes at "
                f"least {needed}, all correct: validate on more cells, or allow a larger error"
            )
        best_bound = min(upper_bound(k, n, level) for k, n in zip(self.wrong, self.accepted, strict=True))
        raise UserError(
            f"max-error {max_error:g}: no threshold guarantees an error of {share} on these {self.n} validation cells; "
            f"the lowest bound of any is {100 * best_bound:.3g} %: allow a larger error"
        )


def least(max_error: float, level: float = DELTA / len(STARTS)) -> int:
    """Return the number of cells, all correct, that it takes to bound an error at a level of confidence."""
    return math.ceil(math.log(level) / math.log1p(-max_error))


def tail(k: int, n: int, p: float) -> float:
    """Return the probability of at most `k` successes in `n` trials of probability `p`, 0 < p < 1."""
    if k >= n:
        return 1.0
    i = np.arange(k + 1)
    steps = np.log((n - i[1:] + 1) / i[1:]) + math.log(p) - math.log1p(-p)
    logs = n * math.log1p(-p) + np.concatenate([[0.0], np.cumsum(steps)])
    return min(1.0, float(np.exp(logs).sum()))


def upper_bound(k: int, n: int, level: float) -> float:
    """Return the one-sided Clopper-Pearson upper bound of a proportion, 0..1; 1 for no trials.

    Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26:404. With probability 1 - level, the true proportion is not above it.
    """
    if k >= n:
        return 1.0
    low, high = k / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(k, n, middle) > level else (low, middle)
    return high
