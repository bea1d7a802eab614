"""Figures that were measured once per round: medians, spreads, and ratios taken within each round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


def tidy(value: float, digits: int = 5) -> float:
    """Round a measurement to significant digits; integers are returned unchanged."""
    return value if isinstance(value, int) else float(f"{value:.{digits}g}")


def round_spread(values: Sequence[float]) -> float | None:
    """Return (max - min) / median; None for a single round, which has no spread."""
    return None if len(values) < 2 else tidy((max(values) - min(values)) / median(values), 3)


@dataclass(frozen=True)
class RoundRatio:
    """A ratio of two figures, taken within each round.

    Attributes:
        ratio: median of the rounds.
        range: smallest and largest round.
        rounds: the ratio of each round.
    """

    ratio: float
    range: tuple[float, float]
    rounds: tuple[float, ...]

    @classmethod
    def of(cls, rounds: Sequence[float]) -> RoundRatio:
        return cls(median(rounds), (min(rounds), max(rounds)), tuple(rounds))

    @classmethod
    def between(cls, over: Sequence[float], under: Sequence[float]) -> RoundRatio:
        """Divide the figures of each round, `over` by `under`."""
        return cls.of([tidy(a / b) for a, b in zip(over, under, strict=True)])

    def to_json(self) -> dict[str, Any]:
        return {"ratio": self.ratio, "range": list(self.range), "rounds": list(self.rounds)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RoundRatio:
        return cls(values["ratio"], (values["range"][0], values["range"][1]), tuple(values["rounds"]))
