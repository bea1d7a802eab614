"""Review thresholds: below which probability a person should check a label, for all classes or by class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from edgewbc.bundle.manifest import BundleManifest
from edgewbc.decision.risk import RiskChoice
from edgewbc.errors import UserError
from edgewbc.reasons import Reason, ReasonKind

REVIEW_BELOW = 0.5
"""Review threshold where neither the bundle nor the user sets one."""

MAX_THRESHOLD = 2.0
"""Largest threshold that is accepted. Above 1 every cell of the class is for review; 95 was meant as a percentage."""


@dataclass(frozen=True)
class ReviewThresholds:
    """Probabilities below which a label gets the status `review`.

    Attributes:
        default: for classes without a threshold of their own; None takes the bundle's, or else `REVIEW_BELOW`.
        by_class: thresholds of single classes.
        max_error: largest share of the accepted cells that may be mislabeled; the default is then chosen by risk
            control on the bundle's validation cells (see `decision.risk`), unless it is given.
        choice: how the default was chosen, if it was by risk control; set by `of_bundle`.
    """

    default: float | None = None
    by_class: Mapping[str, float] = field(default_factory=dict)
    max_error: float | None = None
    choice: RiskChoice | None = None

    def __post_init__(self) -> None:
        """Check the values. Raises UserError if one is not a number from 0 to `MAX_THRESHOLD`."""
        for name, value in self.by_class.items():
            _check(value, f"{name}={value}")
        if self.default is not None:
            _check(self.default, str(self.default))

    @classmethod
    def parse(cls, values: Iterable[str], max_error: float | None = None) -> ReviewThresholds:
        """Read the values of the option `--review-below`: `0.95` for all classes, `basophil=1.01` for one.

        Args:
            values: of the option.
            max_error: of the option `--max-error`.

        Raises:
            UserError: a value is not a threshold, or a class (or the default) is set twice.
        """
        found: dict[str | None, float] = {}
        for value in values:
            name, equals, number = value.rpartition("=")
            key = name if equals else None
            if key in found or (equals and not name):
                what = f"{name} is set twice" if key in found and name else "give one threshold, and one per class"
                raise UserError(f"--review-below {value}: {what}")
            try:
                found[key] = float(number)
            except ValueError:
                raise UserError(
                    f"--review-below {value}: is not a threshold: write 0.95, or basophil=0.95 for one class"
                ) from None
        return cls(found.pop(None, None), {str(name): value for name, value in found.items()}, max_error)

    def of_bundle(self, manifest: BundleManifest) -> ReviewThresholds:
        """Return the thresholds for a bundle, with a default.

        Raises:
            UserError: the bundle has no such class, or its validation does not guarantee `max_error`.
        """
        if self.default is None and self.max_error is not None:
            if manifest.risk is None:
                raise UserError(
                    f"--max-error {self.max_error:g}: {manifest.name} does not record the errors of its validation "
                    "cells: give --review-below, or export the bundle again"
                )
            choice = manifest.risk.choose(self.max_error)
            chosen = ReviewThresholds(choice.threshold, self.by_class, self.max_error, choice)
            return chosen.resolve(manifest.classes, manifest.review_below)
        return self.resolve(manifest.classes, manifest.review_below)

    def resolve(self, classes: Sequence[str], bundle_default: float | None) -> ReviewThresholds:
        """Return the thresholds for a bundle, with a default.

        Args:
            classes: of the bundle.
            bundle_default: the threshold that its manifest sets, if it does.

        Raises:
            UserError: the bundle has no such class, or its own threshold is not one.
        """
        for name in self.by_class:
            if name not in classes:
                raise UserError(f"review threshold of {name}: no such class; the classes are {', '.join(classes)}")
        if self.default is not None:
            return self
        return ReviewThresholds(REVIEW_BELOW if bundle_default is None else bundle_default, self.by_class)

    def of(self, label: str) -> float:
        """Return the threshold of a class."""
        return self.by_class.get(label, REVIEW_BELOW if self.default is None else self.default)

    def reason(self, label: str, probability: float) -> Reason | None:
        """Return why a label with this probability is for review; None if it is not.

        Both numbers have three decimals, or as many more as it takes to tell them apart and to write a threshold that
        a person chose. A computed threshold, which has more than six decimals, has four.
        """
        threshold = self.of(label)
        if probability >= threshold:
            return None
        if threshold > 1:
            return Reason(ReasonKind.THRESHOLD, f"every {label} is for review")
        written = -int(Decimal(str(threshold)).as_tuple().exponent)
        digits = max(3, written) if written <= 6 else 4
        while f"{probability:.{digits}f}" == f"{threshold:.{digits}f}":
            digits += 1
        text = f"probability {probability:.{digits}f} is below {threshold:.{digits}f}"
        return Reason(ReasonKind.THRESHOLD, text)

    def to_json(self) -> float | dict[str, float]:
        """Return the default alone, or an object of `default` and the classes that have a threshold of their own."""
        default = REVIEW_BELOW if self.default is None else self.default
        own = {name: value for name, value in sorted(self.by_class.items()) if value != default}
        return {"default": default, **own} if own else default

    def __str__(self) -> str:
        """Return the option's values, as `--review-below` takes them."""
        return describe(self.to_json())


def describe(thresholds: object) -> str:
    """Return what `ReviewThresholds.to_json` returned as values of the option, such as `0.5, basophil=1.01`."""
    if not isinstance(thresholds, dict):
        return str(thresholds)
    return ", ".join(f"{value}" if name == "default" else f"{name}={value}" for name, value in thresholds.items())


def _check(value: object, what: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 0 <= value <= MAX_THRESHOLD:  # type: ignore[arg-type, operator]
        raise UserError(
            f"review threshold {what}: is not a probability: use 0 to 1, such as 0.95, or 1.01 to review every cell"
        )
