"""What another process needs to classify images as this one would, and its results as the journal takes them."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.files import NOT_READ
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.journal import Reading
from edgewbc.lab.journal_schema import to_json
from edgewbc.lab.microscope import Microscope
from edgewbc.lab.prepared_image import ImageResult
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.runtime import tuning
from edgewbc.runtime.tuning import Choice
from edgewbc.smear.views import Views

ENDS_PROCESS = "ended the process that read it, twice"
"""Why there is no prediction for an image that cannot be given to a process once more."""

PART_BATCHES = 15
"""Batches that a process is handed at once at most: half a second of work for a fast network, so that handing them over
costs little and a process that ends loses little."""

PARTS_PER_WORKER = 4
"""Parts for each worker at least, however few the images are, so that all are busy until the end."""


def part_size(images: int, workers: int, batch: int, views: Views | None = None) -> int:
    """Return how many images a worker is handed at once: whole batches, if an image is a cell.

    A field may hold many cells and is larger, so that its part takes longer: seconds, not minutes.

    Args:
        images: of the run.
        workers: that share them.
        batch: size of a batch, in views of cells.
        views: of each cell that the network is run on; None for the upright one alone.
    """
    each = batch if views is None else max(1, batch // len(views))
    even = -(-images // (workers * PARTS_PER_WORKER))
    return each * max(1, min(PART_BATCHES, -(-even // each)))


def parts(names: Sequence[str], workers: int, batch: int, views: Views | None = None) -> list[Sequence[str]]:
    """Divide the names of images into what a worker is handed at once, in order; see `part_size`."""
    size = part_size(len(names), workers, batch, views)
    return [names[at : at + size] for at in range(0, len(names), size)]


class WorkerBugError(Exception):
    """An error that nobody expected, with the worker's stack trace as its text."""


@dataclass(frozen=True)
class WorkerTask:
    """What a worker needs to give the same rows as the process that sends it.

    Attributes:
        bundle: folder or zip, the same on each machine.
        choice: model and precision; one thread.
        thresholds, microscope: see `LoadedBundle`.
        settings: of the sender's model, as one line of JSON; a worker whose model differs refuses to work.
        batch: images per inference call.
    """

    bundle: Path
    choice: Choice
    thresholds: ReviewThresholds
    microscope: Microscope
    settings: str
    batch: int

    @classmethod
    def of(cls, model: LoadedBundle, batch: int) -> WorkerTask:
        """Return the task to classify as `model` does, on one core.

        Raises:
            UserError: the bundle has no model that computes as this one does.
        """
        compute = model.engine.info.compute
        choice = tuning.choice_of_model(model.bundle, 1, model.sha256, compute)
        if choice is None:
            raise UserError(f"{model.bundle.path}: its model computes in {compute}, which no worker would do again")
        one = replace(choice, threads=1, streams=1)
        bundle, settings = model.bundle.path.absolute(), to_json(model.settings)
        return cls(bundle, one, model.thresholds, model.microscope, settings, batch)

    def load(self) -> LoadedBundle:
        """Compile the model, in the worker.

        Raises:
            UserError: it cannot run, or it is not the sender's.
        """
        model = LoadedBundle.of(Bundle.open(self.bundle), self.choice, self.thresholds)
        model = replace(model, microscope=self.microscope)
        if (found := to_json(model.settings)) != self.settings:
            raise UserError(
                f"{self.bundle}: on {platform.node()} the model or its settings are not those of this run: use the "
                f"same bundle, the same edgewbc and processors with the same precisions on each machine ({found[:200]})"
            )
        return model


def readings(model: LoadedBundle, names: Sequence[str], results: Iterable[ImageResult]) -> list[Reading]:
    """Return results, with their rows, under the names that the journal knows the images by."""
    return [
        Reading(tuple(row.under(name) for row in rows), result.version, result.sha256)
        for name, (result, rows) in zip(names, model.finished(results), strict=True)
    ]


def unread(model: LoadedBundle, name: str) -> Reading:
    """Return what is recorded of an image that ended each process it was given to: an error."""
    return readings(model, [name], [ImageResult(Path(name), "", NOT_READ, error=ENDS_PROCESS)])[0]
