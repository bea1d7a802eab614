"""How far predictions for a bundle's golden samples may be from those at export, beside the probabilities themselves.

A probability near 0 or 1 hardly moves when a network is damaged: its logarithm and the features in front of the dense
layers do. On another CPU, rounding moves those of each sample in another direction, and a fault moves all alike.
Therefore the means over the samples are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgewbc.errors import UserError

MAX = 2.0
"""Largest limit that is accepted; with a larger one a selftest would prove nothing."""


@dataclass(frozen=True)
class GoldenLimits:
    """Largest deviations allowed of a model; None is not checked, as in bundles of older versions.

    Attributes:
        mean_logit: of the mean over the samples of a class's logit, which is the logarithm of its probability less the
            mean of those of all classes.
        mean_features: of the mean over the samples of the features: length of the difference over the length of the
            expected mean.
    """

    mean_logit: float | None = None
    mean_features: float | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str) -> GoldenLimits:
        """Read what `to_json` wrote; further keys are ignored.

        Args:
            values: a number by name.
            where: what to call them in an error.

        Raises:
            UserError: one is not a number above 0 and at most `MAX`.
        """
        found = {name: values[name] for name in cls.__dataclass_fields__ if values.get(name) is not None}
        for name, value in found.items():
            if type(value) not in (int, float) or not 0 < value <= MAX:
                raise UserError(
                    f"{where}: {name} in its manifest.json is {str(value)[:40]!r}; it must be a number above 0, at "
                    f"most {MAX:g}"
                )
        return cls(**{name: float(value) for name, value in found.items()})

    def to_json(self) -> dict[str, float]:
        """Return a number by name, without those that are not checked."""
        return {name: value for name, value in asdict(self).items() if value is not None}
