"""Classify image files with a bundle's model: each becomes a result row with a label, or the reason it has none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.discover import find as find
from edgewbc.lab import pipeline
from edgewbc.lab.pipeline import ImageResult
from edgewbc.lab.results import ResultRow, Status
from edgewbc.runtime import tuning
from edgewbc.runtime.pool import PredictorPool

REVIEW_BELOW = 0.5
"""Review threshold where the bundle's manifest sets none: a label with a lower probability gets status `review`."""


@dataclass(frozen=True)
class LoadedBundle:
    """A bundle with its model compiled for this PC.

    Attributes:
        bundle: the files.
        engine: the compiled model.
        threshold: probability below which a label gets status `review`.
        sha256: of the model's files.
    """

    bundle: Bundle
    engine: PredictorPool
    threshold: float
    sha256: str

    @classmethod
    def load(cls, bundle: Bundle, precision: str | None = None, threads: int | None = None) -> LoadedBundle:
        """Compile a bundle's model.

        Args:
            bundle: to load.
            precision: of the model; None selects the best one on this PC (`tuning.chosen`).
            threads: cores for decoding and inference together; None uses all.

        Raises:
            UserError: the bundle has no such model, or it cannot run.
        """
        return cls.of(bundle, tuning.chosen(bundle, threads, precision))

    @classmethod
    def of(cls, bundle: Bundle, choice: tuning.Choice) -> LoadedBundle:
        """Compile a bundle's model in the given configuration. Raises UserError as `load` does."""
        files = choice.files(bundle)
        engine = choice.pool(files)
        if engine.info.classes != len(bundle.classes):
            raise UserError(
                f"{bundle.path}: its model has {engine.info.classes} classes and its manifest {len(bundle.classes)}:"
                " export the bundle again"
            )
        threshold = bundle.manifest.review_below
        return cls(bundle, engine, REVIEW_BELOW if threshold is None else threshold, files.sha256)

    @property
    def settings(self) -> dict[str, Any]:
        """Return everything that determines a result, as JSON values. (Threads and batch size do not.)"""
        return {
            "model_sha256": self.sha256,
            "classes": list(self.bundle.classes),
            "pixels": self.bundle.pixels.to_dict(),
            "compute": self.engine.info.compute,
            "review_below": self.threshold,
        }

    def results(self, paths: Iterable[Path | None], batch: int = pipeline.BATCH) -> Iterator[ImageResult]:
        """Run the model on image files, in order; see `pipeline.run`."""
        return pipeline.run(self.engine, self.bundle.pixels, paths, batch=batch)

    def row(self, result: ImageResult) -> ResultRow:
        """Return the row for a result: its label and status, or its error."""
        path = str(result.path)
        if result.probabilities is None:
            return ResultRow(path, "", None, status=Status.ERROR, reason=result.error, model_sha256=self.sha256)
        probabilities = dict(zip(self.bundle.classes, result.probabilities.tolist(), strict=True))
        label = max(probabilities, key=probabilities.__getitem__)
        reasons = list(result.notes)
        if probabilities[label] < self.threshold:
            reasons.append(f"probability {probabilities[label]:.2f} is below {self.threshold:.2f}")
        status = Status.REVIEW if reasons else Status.OK
        return ResultRow(path, label, probabilities[label], probabilities, status, "; ".join(reasons), self.sha256)


def classify(
    bundle: Bundle,
    paths: Iterable[Path],
    *,
    precision: str | None = None,
    threads: int | None = None,
    batch: int = pipeline.BATCH,
) -> Iterator[ResultRow]:
    """Classify image files, in order; yield one row each. An unreadable image is a row with an error.

    Args:
        bundle: with the model to use.
        paths: of files (see `find`).
        precision, threads: see `LoadedBundle.load`.
        batch: images per inference call.

    Raises:
        UserError: the bundle has no such model, or it cannot run. (Raised at once, before the first row is asked for.)
    """
    model = LoadedBundle.load(bundle, precision, threads)
    results = model.results(paths, batch)
    return (model.row(result) for result in results)
