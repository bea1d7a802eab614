"""A quantity of an image that lies outside the range of the training images, and its text in a reason for review.

The journal and the tables keep only the text, so it can be read back: `found_in` returns the quantities of a reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from edgewbc import reasons
from edgewbc.reasons import BEGINNINGS, Reason, ReasonKind

(_BEGINNING,) = BEGINNINGS[ReasonKind.UNUSUAL]
_NUMBER = r"-?[\d.]+(?:e[+-]\d+)?"
_ONE = re.compile(rf"(?:^|, )([^()]+?) ({_NUMBER}) \(usual ({_NUMBER}) to ({_NUMBER})\)")


@dataclass(frozen=True)
class Unusual:
    """A quantity outside its usual range.

    Attributes:
        words: what is measured, such as "sharpness".
        value: of the image.
        low, high: bounds among the training images.
    """

    words: str
    value: float
    low: float
    high: float

    @property
    def excess(self) -> float:
        """Distance from the range, as a multiple of its width."""
        return max(self.low - self.value, self.value - self.high) / max(self.high - self.low, 1e-9)

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return {"quantity": self.words, "value": self.value, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        """Return it as text, with three digits, or as many as it takes to tell the value from the bound."""
        digits = 3
        while digits < 9 and any(f"{self.value:.{digits}g}" == f"{end:.{digits}g}" for end in (self.low, self.high)):
            digits += 1
        return f"{self.words} {self.value:.{digits}g} (usual {self.low:.{digits}g} to {self.high:.{digits}g})"


def reason(found: list[Unusual], most: int = 3) -> Reason:
    """Return a reason for review that names the quantities farthest outside, at most `most` of them."""
    first = sorted(found, key=lambda each: -each.excess)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return Reason(ReasonKind.UNUSUAL, f"{_BEGINNING}{', '.join(map(str, first[:most]))}{more}")


def found_in(text: str) -> list[Unusual]:
    """Return the quantities that the reasons of a result name, in their order; empty if they name none."""
    if _BEGINNING not in text:
        return []
    parts = (each.text.removeprefix(_BEGINNING) for each in reasons.read(text) if each.kind is ReasonKind.UNUSUAL)
    return [
        Unusual(words, float(value), float(low), float(high))
        for part in parts
        for words, value, low, high in _ONE.findall(part)
    ]
