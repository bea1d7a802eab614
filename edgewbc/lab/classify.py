"""Picture files to rows of a table: a label with its probabilities, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.discover import find as find
from edgewbc.lab import pipeline
from edgewbc.lab.pipeline import Outcome
from edgewbc.runtime import tuning
from edgewbc.runtime.pool import PredictorPool

REVIEW_BELOW = 0.5
"""Probability under which a label is for a person to look at, where the bundle does not say another."""

Status = Literal["ok", "review", "error"]


@dataclass(frozen=True)
class Row:
    """What is said of one picture.

    Attributes:
        path: as it was given or found.
        label: the class of the highest probability; empty for an error.
        probability: of the label, 0 to 1; None for an error.
        probabilities: by class, in the bundle's order; empty for an error.
        status: `ok`; `review`: a person should look, `reason` says why; `error`: no answer, `reason` says why.
        model_sha256: names the model's files that answered.
    """

    path: str
    label: str
    probability: float | None
    probabilities: dict[str, float] = field(default_factory=dict)
    status: Status = "ok"
    reason: str = ""
    model_sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON; probabilities with 6 decimals."""
        rounded = {name: round(value, 6) for name, value in self.probabilities.items()}
        best = None if self.probability is None else round(self.probability, 6)
        return {**asdict(self), "probability": best, "probabilities": rounded}


@dataclass(frozen=True)
class Model:
    """A bundle's model, compiled, with what makes a row of its answer.

    Attributes:
        threshold: probability under which a label is for review.
        sha256: of the model's files.
    """

    bundle: Bundle
    engine: PredictorPool
    threshold: float
    sha256: str

    @classmethod
    def load(cls, bundle: Bundle, precision: str | None = None, threads: int | None = None) -> Model:
        """Compile a bundle's model.

        Args:
            bundle: that holds it.
            precision: of the model; None takes what is best on this PC (`tuning.chosen`).
            threads: processors for decoding and inference together; None takes them all.

        Raises:
            UserError: the bundle has no such model, or it cannot run.
        """
        return cls.of(bundle, tuning.chosen(bundle, threads, precision))

    @classmethod
    def of(cls, bundle: Bundle, choice: tuning.Choice) -> Model:
        """Compile a bundle's model as chosen. Raises UserError as `load`."""
        files = choice.files(bundle)
        engine = choice.pool(files)
        if engine.info.classes != len(bundle.classes):
            raise UserError(
                f"{bundle.path}: its model has {engine.info.classes} classes and its manifest {len(bundle.classes)}"
            )
        threshold = bundle.manifest.review_below
        return cls(bundle, engine, REVIEW_BELOW if threshold is None else threshold, files.sha256)

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides what is said of a picture, as JSON values. (Threads and batches do not.)"""
        return {
            "model_sha256": self.sha256,
            "classes": list(self.bundle.classes),
            "pixels": self.bundle.pixels.to_dict(),
            "compute": self.engine.info.compute,
            "review_below": self.threshold,
        }

    def outcomes(self, paths: Iterable[Path | None], batch: int = pipeline.BATCH) -> Iterator[Outcome]:
        """Answer picture files, in order; see `pipeline.run`."""
        return pipeline.run(self.engine, self.bundle.pixels, paths, batch=batch)

    def row(self, outcome: Outcome) -> Row:
        """What is said of a picture that was answered, or could not be."""
        path = str(outcome.path)
        if outcome.probabilities is None:
            return Row(path, "", None, status="error", reason=outcome.error, model_sha256=self.sha256)
        probabilities = dict(zip(self.bundle.classes, outcome.probabilities.tolist(), strict=True))
        label = max(probabilities, key=probabilities.__getitem__)
        reasons = list(outcome.notes)
        if probabilities[label] < self.threshold:
            reasons.append(f"probability {probabilities[label]:.2f} is below {self.threshold:.2f}")
        status: Status = "review" if reasons else "ok"
        return Row(path, label, probabilities[label], probabilities, status, "; ".join(reasons), self.sha256)


def classify(
    bundle: Bundle,
    paths: Iterable[Path],
    *,
    precision: str | None = None,
    threads: int | None = None,
    batch: int = pipeline.BATCH,
) -> Iterator[Row]:
    """Classify picture files, in order, a row each. A bad picture is a row, and the others go on.

    Args:
        bundle: whose model answers.
        paths: of files (see `find`).
        precision, threads: see `Model.load`.
        batch: pictures answered at once.

    Raises:
        UserError: the bundle has no such model, or it cannot run. (Raised at once, before the first row is asked for.)
    """
    model = Model.load(bundle, precision, threads)
    outcomes = model.outcomes(paths, batch)
    return (model.row(outcome) for outcome in outcomes)
