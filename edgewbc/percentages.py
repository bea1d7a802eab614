"""Percentages as a differential count reports them: whole ones that add up to 100, and exact limits. Plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, exp, expm1, floor, inf, lgamma, log, log1p, sqrt

from edgewbc.metrics import Interval


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> Interval | None:
    """Return the exact confidence interval of a proportion; None for no observations.

    Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26:404. It covers the true proportion at least as often as stated, for any n; these are the limits that
    tables for differential counts give (Rümke 1977).

    Raises:
        ValueError: `k` is not between 0 and `n`, or the confidence not between 0 and 1.
    """
    if not 0 <= k <= n or not 0 < confidence < 1:
        raise ValueError(f"{k} of {n} with confidence {confidence}")
    if n == 0:
        return None
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else _beta_quantile(tail, k, n - k + 1)
    high = 1.0 if k == n else _beta_quantile(1 - tail, k + 1, n - k)
    return low, high


def outwards(bounds: Interval) -> tuple[int, int]:
    """Return an interval in whole percent, rounded outwards as in the tables for differential counts."""
    return floor(100 * bounds[0] + 1e-9), ceil(100 * bounds[1] - 1e-9)


def _beta_quantile(probability: float, a: float, b: float) -> float:
    """Return the quantile of the beta distribution for a, b >= 1, by Halley's method inside a bracket.

    Press et al. 2007, Numerical Recipes, 6.4; the start is Abramowitz and Stegun 1964, 26.5.22. About three steps are
    needed, where bisection takes more than fifty.
    """
    if b == 1:
        return float(probability ** (1 / a))
    if a == 1:
        return -expm1(log1p(-probability) / b)
    x, low, high = _beta_start(probability, a, b), 0.0, 1.0
    scale = lgamma(a + b) - lgamma(a) - lgamma(b)
    for _ in range(100):
        error = _incomplete_beta(x, a, b) - probability
        if error < 0:
            low = x
        else:
            high = x
        density = exp(scale + (a - 1) * log(x) + (b - 1) * log1p(-x))
        step = error / density if density else inf
        bend = min(1.0, step * ((a - 1) / x - (b - 1) / (1 - x)))
        after = x - step / (1 - bend / 2)
        if not low < after < high:  # also if it is not a number
            after = (low + high) / 2
        elif abs(after - x) <= 1e-6 * x * (1 - x):  # the error left is of the order of its cube
            return after
        x = after
    return x


def _beta_start(probability: float, a: float, b: float) -> float:
    """Return an approximation of the quantile of the beta distribution, strictly between 0 and 1."""
    t = sqrt(-2 * log(min(probability, 1 - probability)))
    z = t - (2.30753 + t * 0.27061) / (1 + t * (0.99229 + t * 0.04481))  # of the normal distribution, upper tail
    z = z if probability < 0.5 else -z
    curve = (z * z - 3) / 6
    h = 2 / (1 / (2 * a - 1) + 1 / (2 * b - 1))
    w = z * sqrt(curve + h) / h
    w -= (1 / (2 * b - 1) - 1 / (2 * a - 1)) * (curve + 5 / 6 - 2 / (3 * h))
    return min(max(a / (a + b * exp(2 * w)), 1e-300), 1 - 1e-16)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularized incomplete beta function, for 0 < x < 1, by its continued fraction (Lentz's method).

    Abramowitz and Stegun 1964, 26.5.8.
    """
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast only below
        return 1 - _incomplete_beta(1 - x, b, a)
    least = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > least else least)
    value = d
    for m in range(1, 10_000):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + factor * d
            d = 1 / (d if abs(d) > least else least)
            c = 1 + factor / c
            c = c if abs(c) > least else least
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    return front * value / a


def whole_percentages(counts: Sequence[int]) -> list[int] | None:
    """Return counts as whole percentages that add up to 100, by the method of largest remainders; None if all are 0.

    Each is rounded down, and the percent that are missing go to the largest remainders: of equal ones to the larger
    count, then to the earlier. A count of 0 is 0 %.

    Raises:
        ValueError: a count is negative.
    """
    if any(count < 0 for count in counts):
        raise ValueError(f"negative counts: {counts}")
    total = sum(counts)
    if not total:
        return None
    found = [100 * count // total for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda i: (-(100 * counts[i] % total), -counts[i], i))
    for index in by_remainder[: 100 - sum(found)]:
        found[index] += 1
    return found
