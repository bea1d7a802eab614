"""Other views of a cell: turned, and cut out a little larger and smaller. Its type is the same in each.

A network that is right about a cell is right about all of its views; where one of them gives another label, the label
depends on something else than the type. So the lowest probability that any view gives the label says when a person
should look. With thresholds that accept as many cells of the training laboratory, a quarter to a third fewer cells of
unknown kinds are accepted than by one view, and fewer wrong labels of other laboratories' cells (`python -m
bench.views`). That predictions should not change under such transformations is the idea of consistency-based
uncertainty (Bahat and Shakhnarovich 2018, "Confidence from invariance to image transformations", arXiv 1804.00657).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgewbc.pixels import Image, PixelSpec
from edgewbc.smear import canonical
from edgewbc.smear.canonical import View

MAX_SCALES = 8
LEAST, MOST = 0.5, 2.0
"""Smallest and largest scale."""


def quarter_turns(height: int, width: int) -> tuple[int, ...]:
    """Return the turns, in quarters, that keep the shape of an image: all four of a square, otherwise half turns."""
    return (0, 1, 2, 3) if height == width else (0, 2)


@dataclass(frozen=True)
class Views:
    """Which views of a cell a bundle looks at, beside the upright one.

    Attributes:
        turns: 4 for all quarter turns, 2 for the half turn alone, 1 for none.
        scales: sides of further upright crops, as multiples of the crop's own.
    """

    turns: int = 4
    scales: tuple[float, ...] = (0.85, 1.17)

    def __post_init__(self) -> None:
        if self.turns not in (1, 2, 4):
            raise ValueError(f"views of {self.turns} turns: use 1, 2 or 4")
        if len(self.scales) > MAX_SCALES or not all(LEAST <= scale <= MOST for scale in self.scales):
            raise ValueError(f"views: at most {MAX_SCALES} scales of {LEAST:g} to {MOST:g}")

    @classmethod
    def of(cls, spec: PixelSpec) -> Views | None:
        """Return the views for a network: None unless its crop is `cell`, half turns if its input is not square."""
        return cls(len(quarter_turns(spec.height, spec.width))) if spec.crop == "cell" else None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Views:
        """Read what `to_json` wrote. Raises ValueError for anything else."""
        try:
            turns, scales = values["turns"], tuple(values["scales"])
        except (KeyError, TypeError):
            raise ValueError("views is malformed") from None
        if type(turns) is not int or not all(type(one) in (int, float) and math.isfinite(one) for one in scales):
            raise ValueError("views is malformed")
        return cls(turns, tuple(map(float, scales)))

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return {"turns": self.turns, "scales": list(self.scales)}

    def __len__(self) -> int:
        """Number of views, the upright one included."""
        return self.turns + len(self.scales)

    @property
    def turned(self) -> tuple[int, ...]:
        """The turns of the views beside the upright one, in quarters."""
        return tuple(range(0, 4, 4 // self.turns))[1:]

    def others(self, image: Image, view: View, upright: Image, spec: PixelSpec) -> tuple[Image, ...]:
        """Return the views beside the upright one, each uint8 RGB (spec.height, spec.width, 3).

        Args:
            image: of the cell, uint8 RGB (height, width, 3), cleared (`frame.cleared`); never modified.
            view: of the cell.
            upright: its canonical crop.
            spec: with crop `cell`; square, if there are quarter turns.
        """
        turned = (np.ascontiguousarray(np.rot90(upright, turn)) for turn in self.turned)
        scaled = (canonical.crop(image, view.scaled(scale), spec) for scale in self.scales)
        return (*turned, *scaled)
