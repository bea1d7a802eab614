"""Classify image files with a bundle's model: each cell is a result row with a label, or the reason it has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgewbc import reasons
from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.training_images import TrainingImages
from edgewbc.decision.calibration import METHOD
from edgewbc.decision.familiarity import Familiarity
from edgewbc.decision.views import LabelFrom, judge
from edgewbc.images.discover import find as find
from edgewbc.lab import pipeline
from edgewbc.lab.cpu_budget import one_thread_in_opencv
from edgewbc.lab.microscope import Microscope
from edgewbc.lab.prepared_image import CellResult, ImagePreparer, ImageResult
from edgewbc.lab.results import ResultRow, Status
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.pixels import Image
from edgewbc.reasons import NO_CELL, Reason, ReasonKind
from edgewbc.runtime import golden_proof, trial, tuning
from edgewbc.runtime.pool import PredictorPool
from edgewbc.runtime.predictor import fault
from edgewbc.smear.prepare import Preparer
from edgewbc.utils.text import utc_now

ASK_BUNDLE = ReviewThresholds()
"""The thresholds that the bundle sets."""


class ClassifiedImage(NamedTuple):
    """An image's result, and its rows: at least one."""

    result: ImageResult
    rows: list[ResultRow]


class _Prediction(NamedTuple):
    """What the network's outputs say of a cell: label, lowest probability of all views, calibrated probabilities."""

    label: str
    sure: float
    probabilities: list[float]
    unfamiliar: Reason | None


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
        return pipeline.run(self.engine, self.bundle.pixels, paths, batch=batch, **self._preparation)

    def classified(
        self, paths: Iterable[Path | Image | None], batch: int = pipeline.BATCH
    ) -> Iterator[list[ClassifiedImage]]:
        """Classify image files and arrays, in order; yield those that are ready together (`pipeline.run_groups`)."""
        options = (self.engine, self.bundle.pixels, paths, self.finished)
        return pipeline.run_groups(*options, batch=batch, **self._preparation)

    def now(self, image: Image) -> list[ResultRow]:
        """Classify one image in memory in the calling thread, and return its rows.

        For a live view, where one image at a time is waited for: the pipeline is made for many, and hands each over to
        two other threads. The rows are the same.

        Args:
            image: uint8 RGB (height, width, 3).
        """
        with one_thread_in_opencv():
            (prepared,) = self._preparer.measured([self._preparer.pixels(image)])
            found = self.engine(np.stack(prepared.images)) if prepared.images else None
            outputs = () if found is None else zip(found.probabilities, found.features, strict=True)
            return self.rows(prepared.result(iter(outputs)))

    @cached_property
    def _preparer(self) -> ImagePreparer:
        profile, views = self.microscope.profile, self.bundle.manifest.views
        return ImagePreparer(Preparer(self.bundle.pixels, profile, views), self._trained_on is not None)

    @property
    def _preparation(self) -> dict[str, Any]:
        """How the pipeline prepares cells, beside crop and size."""
        profile, views = self.microscope.profile, self.bundle.manifest.views
        return {"measure": self._trained_on is not None, "profile": profile, "views": views}

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

    def _unfamiliar(self, features: NDArray[np.float32]) -> list[Reason | None]:
        """Return why cells (n, d) do not look like those of training. Raises ValueError if they cannot be compared."""
        if self.familiarity is None:
            return [None] * len(features)
        return self.familiarity.reasons(features)

    def _decides(self) -> dict[str, Any]:
        """Return views, calibration, familiarity and a guarantee of the threshold, as far as there are any."""
        manifest, familiarity = self.bundle.manifest, self.bundle.manifest.familiarity
        found: dict[str, Any] = {} if manifest.views is None else {"views": manifest.views.to_json()}
        if manifest.label_from != LabelFrom.UPRIGHT:
            found["label_from"] = str(manifest.label_from)
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
        return self.finished([result])[0].rows

    def finished(self, results: Iterable[ImageResult]) -> list[ClassifiedImage]:
        """Return results with their rows (see `rows`). Those of an image do not depend on the others."""
        results = list(results)
        predictions = iter(self._predictions([cell for result in results for cell in result.cells]))
        now, found = utc_now(), list[ClassifiedImage]()
        for result in results:
            about = partial(
                ResultRow,
                str(result.path),
                model_sha256=self.sha256,
                image_sha256=result.sha256,
                classified_at=now,
            )
            if result.error:
                rows = [about("", None, status=Status.ERROR, reason=result.error)]
            elif not result.cells:
                reason = reasons.write([NO_CELL, *_of_image(result.notes)])
                rows = [about("", None, status=Status.REVIEW, reason=reason)]
            else:
                rows = [
                    self._row(partial(about, cell=cell.number, box=cell.box), result, cell, next(predictions))
                    for cell in result.cells
                ]
            found.append(ClassifiedImage(result, rows))
        return found

    def _row(
        self, row: Callable[..., ResultRow], result: ImageResult, cell: CellResult, prediction: _Prediction | str
    ) -> ResultRow:
        """Return the row of a cell: its label and status, or an error. `row` knows what is not of the prediction."""
        if isinstance(prediction, str):  # never a label: it would be counted
            return row("", None, status=Status.ERROR, reason=prediction)
        label, sure, probabilities, unfamiliar = prediction
        found = [unfamiliar, *self._reasons(result, cell), self.thresholds.reason(label, sure)]
        reason = reasons.write(filter(None, found))
        return row(
            label,
            sure,
            dict(zip(self.bundle.classes, probabilities, strict=True)),
            status=Status.UNFAMILIAR if unfamiliar else Status.REVIEW if reason else Status.OK,
            reason=reason,
        )

    def _predictions(self, cells: Sequence[CellResult]) -> list[_Prediction | str]:
        """Return the prediction for each cell, or why there is none."""
        faults = _faults(cells)
        good = [cell for cell, why in zip(cells, faults, strict=True) if not why]
        if not good:
            return [*faults]
        upright = np.stack([cell.probabilities for cell in good])
        probabilities = self._calibrated(upright)
        sure = probabilities.max(1)
        if several := [index for index, cell in enumerate(good) if cell.others is not None]:
            others = np.stack([cell.others for cell in good if cell.others is not None])
            judged = judge(upright[several], others, self.bundle.manifest.label_from, self._calibrated)
            probabilities[several], sure[several] = judged.probabilities, judged.sure
        try:
            unfamiliar = self._unfamiliar(np.stack([cell.features for cell in good]))
        except ValueError as error:  # never a label: it would be counted unchecked
            return [why or str(error) for why in faults]
        labels = map(self.bundle.classes.__getitem__, probabilities.argmax(1).tolist())
        each = map(_Prediction, labels, sure.tolist(), probabilities.tolist(), unfamiliar)
        return [why or next(each) for why in faults]

    def _calibrated(self, probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
        calibration, single = self.bundle.manifest.calibration, probabilities.astype(np.float32)
        return single if calibration is None else calibration.apply(single)


def _faults(cells: Sequence[CellResult]) -> list[str]:
    """Return why the outputs for cells cannot be used; empty for each whose can."""
    if not cells:
        return []
    others = [cell.others for cell in cells if cell.others is not None]
    outputs = np.stack([cell.probabilities for cell in cells]), np.stack([cell.features for cell in cells])
    if not (fault(*outputs) or (others and fault(np.concatenate(others)))):  # nearly always
        return [""] * len(cells)
    return [
        fault(cell.probabilities, cell.features) or ("" if cell.others is None else fault(cell.others))
        for cell in cells
    ]


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
    return (row for group in model.classified(paths, batch) for image in group for row in image.rows)
