"""What a bundle's manifest says of its familiarity statistics (see `decision.familiarity`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgewbc.errors import UserError

FORMAT = 2
"""The newest format that is read, and written where other kinds of cells were shown; without them format 1 is."""
METHOD = "class-conditional Mahalanobis"
MAX_SIZES = {"features": 8192, "components": 256, "groups": 100}
"""Largest sizes that are read."""
MAX_KINDS = 100
"""Largest number of other kinds that is read."""


@dataclass(frozen=True)
class FamiliarityInfo:
    """What a bundle's manifest says of its familiarity statistics.

    Attributes:
        file: name of the file with the arrays.
        features, components, groups: sizes of the arrays: features of the network, components that they are reduced
            to, and classes.
        threshold: distance above which a cell is unfamiliar.
        false_alarms: share of the held-out cells that are unfamiliar.
        trained_on, held_out: number of cells that the statistics and the threshold were measured on.
        others: number of examples of each other kind of cells that was shown; empty if none was.
        score_threshold: score above which a cell is unfamiliar; None without others.
    """

    file: str
    features: int
    components: int
    groups: int
    threshold: float
    false_alarms: float
    trained_on: int
    held_out: int
    others: Mapping[str, int] = field(default_factory=dict)
    score_threshold: float | None = None

    @classmethod
    def from_json(cls, values: Any) -> FamiliarityInfo:
        """Read what `to_json` wrote.

        Raises:
            UserError: it was written by a newer edgewbc.
            ValueError: it is not of that form.
        """
        try:
            version, method = values["format"], values["method"]
            if type(version) is int and version > FORMAT:
                raise UserError(
                    f"familiarity was written by a newer edgewbc (format {version}); update edgewbc to read it"
                )
            features, components, groups = (values[name] for name in ("features", "components", "groups"))
            cells = (values["trained_on"], values["held_out"])
            limits = (float(values["threshold"]), float(values["false_alarms"]))
            others = dict(values["others"]) if type(version) is int and version == FORMAT else {}
            limit = float(values["score_threshold"]) if others else None
            found = cls(values["file"], features, components, groups, *limits, *cells, others, limit)
            sizes = (features, components, groups, *cells, *others.values())
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            raise ValueError("familiarity is malformed") from None
        if type(version) is not int or version < 1 or method != METHOD or not isinstance(found.file, str):
            raise ValueError("familiarity has an unknown format or method")
        if not all(type(size) is int and size >= 0 for size in sizes):
            raise ValueError("familiarity has a size that is not a number of cells or values")
        if not all(0 < getattr(found, name) <= largest for name, largest in MAX_SIZES.items()):
            raise ValueError("familiarity has arrays that are too large or empty")
        if len(others) > MAX_KINDS or not all(name.isprintable() and len(name) <= 100 for name in others):
            raise ValueError("familiarity has other kinds that are too many or have no proper names")
        if limit is not None and not math.isfinite(limit):
            raise ValueError("familiarity has a threshold or share that is not a number")
        if not math.isfinite(found.threshold) or not 0 <= found.false_alarms <= 1:
            raise ValueError("familiarity has a threshold or share that is not a number")
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the attributes, format and method as JSON values."""
        return {
            "format": FORMAT if self.others else 1,
            "method": METHOD,
            "file": self.file,
            "features": self.features,
            "components": self.components,
            "groups": self.groups,
            "threshold": self.threshold,
            "false_alarms": self.false_alarms,
            "trained_on": self.trained_on,
            "held_out": self.held_out,
            **({"others": dict(self.others), "score_threshold": self.score_threshold} if self.others else {}),
        }
