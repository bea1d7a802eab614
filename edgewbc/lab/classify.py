"""Classify image files with a bundle's model: each cell is a result row with a label, or the reason it has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc import reasons
from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.training_images import TrainingImages
from edgewbc.decision.calibration import METHOD
from edgewbc.decision.familiarity import Familiarity
from edgewbc.decision.views import lowest
from edgewbc.images.discover import find as find
from edgewbc.lab import pipeline
from edgewbc.lab.microscope import Microscope
from edgewbc.lab.prepared_image import CellResult, ImageResult, Scores
from edgewbc.lab.results import ResultRow, Status
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.pixels import Image
from edgewbc.reasons import NO_CELL, Reason, ReasonKind
from edgewbc.runtime import golden_proof, trial, tuning
from edgewbc.runtime.pool import PredictorPool
from edgewbc.runtime.predictor import fault
from edgewbc.utils.text import utc_now

ASK_BUNDLE = ReviewThresholds()
"""The thresholds that the bundle sets."""


@dataclass(frozen=True)
class LoadedBundle:
    """A bundle with its model compiled for this PC.

    Attributes:
        bundle: the files.
        engine: the compiled model.
        thresholds: probabilities below which a label gets status `review`.
        sha256: of the model's files.
        familiarity: which cells look like those of training; None if the bundle cannot tell.
        microscope: of the images, where the bundle locates cells (`by_cell`).
    """

    bundle: Bundle
    engine: PredictorPool
    thresholds: ReviewThresholds
    sha256: str
    familiarity: Familiarity | None = None
    microscope: Microscope = Microscope()

    @classmethod
    def load(
        cls,
        bundle: Bundle,
        precision: str | None = None,
        threads: int | None = None,
        thresholds: ReviewThresholds = ASK_BUNDLE,
    ) -> LoadedBundle:
        """Compile a bundle's model.

        Args:
            bundle: to load.
            precision: of the model; None selects the best one on this PC (`tuning.chosen`).
            threads: cores for decoding and inference together; None uses all.
            thresholds: for review, instead of the bundle's.

        Raises:
            UserError: the bundle has no such model or no such class, or the model cannot run.
        """
        resolved = thresholds.of_bundle(bundle.manifest)
        return cls.of(bundle, tuning.chosen(bundle, threads, precision), resolved)

    @classmethod
    def of(cls, bundle: Bundle, choice: tuning.Choice, thresholds: ReviewThresholds = ASK_BUNDLE) -> LoadedBundle:
        """Compile a bundle's model in the given configuration, which must reproduce its golden samples here.

        Raises:
            UserError: as `load` does, or they are not reproduced.
        """
        resolved, familiarity = thresholds.of_bundle(bundle.manifest), bundle.familiarity()
        files = choice.files(bundle)
        engine = choice.pool(files)
        trial.check_info(bundle, engine.info)
        golden_proof.require(bundle, engine, choice.precision)
        return cls(bundle, engine, resolved, files.sha256, familiarity)

    @property
    def settings(self) -> dict[str, Any]:
        """Return everything that determines a result, as JSON values. (Threads and batch size do not.)"""
        return {
            "model_sha256": self.sha256,
            "classes": list(self.bundle.classes),
            "pixels": self.bundle.pixels.to_dict(),
            "compute": self.engine.info.compute,
            "review_below": self.thresholds.to_json(),
            **({} if self._trained_on is None else {"training_images": self._trained_on.to_json()}),
            **self._decides(),
            **({"microscope": self.microscope.to_json()} if self.by_cell else {}),
        }

    @property
    def by_cell(self) -> bool:
        """Whether the cells of an image are located and classified one by one."""
        return self.bundle.pixels.crop == "cell"

    @property
    def _trained_on(self) -> TrainingImages | None:
        return self.bundle.manifest.training_images

    def results(self, paths: Iterable[Path | Image | None], batch: int = pipeline.BATCH) -> Iterator[ImageResult]:
        """Run the model on image files and arrays, in order; see `pipeline.run`."""
        measure = self._trained_on is not None
        profile = self.microscope.profile
        options = (self.engine, self.bundle.pixels, paths)
        views = self.bundle.manifest.views
        return pipeline.run(*options, batch=batch, measure=measure, profile=profile, score=self.scores, views=views)

    def scores(self, features: NDArray[np.float32]) -> Sequence[Scores | None]:
        """Return distance and score of cells (n, d); None each where the bundle cannot tell, or has none for these."""
        if self.familiarity is None or features.shape[1:] != self.familiarity.center.shape:
            return [None] * len(features)
        return self.familiarity.scores(features)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why no percentages are given, whatever the cells are, a line each."""
        reference = self.bundle.pixels.reference
        return () if reference is None else tuple(self.microscope.warnings(reference, self.bundle.manifest.adapted))

    def _reasons(self, result: ImageResult, cell: CellResult) -> list[Reason | None]:
        """Return why a person should look at a cell, whatever its probabilities are."""
        own = [*cell.reasons, self.microscope.reason]
        if self._trained_on is None:
            return [*_of_image(result.notes), *own]
        pixels, notes = self.bundle.pixels, result.notes
        return [*self._trained_on.reasons(pixels, result.shape, notes, cell.appearance), *own]

    def _unfamiliar(self, cell: CellResult) -> Reason | None:
        """Return why a cell does not look like those of training. Raises ValueError if it cannot be compared."""
        if self.familiarity is None:
            return None
        return self.familiarity.reason(*(cell.scores or self.familiarity.scores(cell.features[None])[0]))

    def _decides(self) -> dict[str, Any]:
        """Return views, calibration, familiarity and a guarantee of the threshold, as far as there are any."""
        manifest, familiarity = self.bundle.manifest, self.bundle.manifest.familiarity
        found: dict[str, Any] = {} if manifest.views is None else {"views": manifest.views.to_json()}
        if self.thresholds.choice is not None:
            found["max_error"] = self.thresholds.choice.to_json()
        if manifest.calibration is not None:
            found["calibration"] = {"method": METHOD, "temperature": manifest.calibration.temperature}
        if familiarity is not None:
            found["familiarity"] = {"sha256": self.bundle.sums[familiarity.file], "threshold": familiarity.threshold}
            if familiarity.score_threshold is not None:
                found["familiarity"]["score_threshold"] = familiarity.score_threshold
        return found

    def rows(self, result: ImageResult) -> list[ResultRow]:
        """Return the rows for an image, at least one: of each cell, its error, or that no white cell was located."""
        row = partial(
            ResultRow,
            str(result.path),
            model_sha256=self.sha256,
            image_sha256=result.sha256,
            classified_at=utc_now(),
        )
        if result.error:
            return [row("", None, status=Status.ERROR, reason=result.error)]
        if not result.cells:
            return [row("", None, status=Status.REVIEW, reason=reasons.write([NO_CELL, *_of_image(result.notes)]))]
        return [self._cell_row(partial(row, cell=cell.number, box=cell.box), result, cell) for cell in result.cells]

    def _cell_row(self, row: Callable[..., ResultRow], result: ImageResult, cell: CellResult) -> ResultRow:
        """Return the row of a cell: its label and status, or an error. `row` knows what is not of the prediction."""
        if why := fault(cell.probabilities, cell.features):  # never a label: it would be counted
            return row("", None, status=Status.ERROR, reason=why)
        calibrated = self._calibrated(cell.probabilities)
        label, sure = self.bundle.classes[int(calibrated.argmax())], float(calibrated.max())
        if cell.others is not None:
            if why := fault(cell.others):
                return row("", None, status=Status.ERROR, reason=why)
            sure = float(lowest(calibrated[None], self._calibrated(cell.others)[None])[0])
        try:
            unfamiliar = self._unfamiliar(cell)
        except ValueError as error:  # never a label: it would be counted unchecked
            return row("", None, status=Status.ERROR, reason=str(error))
        found = [unfamiliar, *self._reasons(result, cell), self.thresholds.reason(label, sure)]
        reason = reasons.write(filter(None, found))
        return row(
            label,
            sure,
            dict(zip(self.bundle.classes, calibrated.tolist(), strict=True)),
            status=Status.UNFAMILIAR if unfamiliar else Status.REVIEW if reason else Status.OK,
            reason=reason,
        )

    def _calibrated(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        calibration = self.bundle.manifest.calibration
        return probabilities if calibration is None else calibration.apply(probabilities)


def _of_image(notes: Iterable[str]) -> list[Reason]:
    return [Reason(ReasonKind.IMAGE, note) for note in notes]


def classify(
    bundle: Bundle,
    paths: Iterable[Path],
    *,
    precision: str | None = None,
    threads: int | None = None,
    batch: int = pipeline.BATCH,
    thresholds: ReviewThresholds = ASK_BUNDLE,
    microscope: Microscope | None = None,
) -> Iterator[ResultRow]:
    """Classify image files, in order; yield a row for each cell. An unreadable image is a row with an error.

    Args:
        bundle: with the model to use.
        paths: of files (see `find`).
        precision, threads, thresholds: see `LoadedBundle.load`.
        batch: images per inference call.
        microscope: of the images, for a bundle that locates cells; None takes it to be that of the training images.

    Raises:
        UserError: the bundle has no such model, or it cannot run. (Raised at once, before the first row is asked for.)
    """
    model = LoadedBundle.load(bundle, precision, threads, thresholds)
    model = replace(model, microscope=microscope or model.microscope)
    results = model.results(paths, batch)
    return (row for result in results for row in model.rows(result))
