"""The worker: a process with the model compiled for one core, which turns tables of names into tables of rows.

A part whose worker was killed is handed to another one. An image that ends the process that reads it would end them one
after the other, so a worker leaves a mark when it begins a part. A worker that finds `TRIES` marks of a part classifies
it image by image, with a mark for each, and an image that was begun `TRIES` times becomes a row with an error.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgewbc.archive import tables
from edgewbc.archive.remote import LocalCopies
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import StalledError, UserError
from edgewbc.images.files import NOT_READ
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.journal import Reading
from edgewbc.lab.journal_schema import to_json
from edgewbc.lab.microscope import Microscope
from edgewbc.lab.prepared_image import ImageResult
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.runtime.tuning import Choice

if TYPE_CHECKING:
    import pyarrow as pa

TRIES = 2
"""Number of workers that may end while they classify a part, or an image, before it is taken for the cause."""

ENDS_PROCESS = "ended the process that read it, twice"


@dataclass(frozen=True)
class WorkerTask:
    """What a worker needs to give the same rows as the process that sends it.

    Attributes:
        bundle: folder or zip, the same on each machine.
        choice: model and precision; one thread.
        thresholds, microscope: see `LoadedBundle`.
        settings: of the sender's model, as one line of JSON; a worker whose model differs refuses to work.
        batch: images per inference call.
        marks: folder for the marks of parts that were begun.
    """

    bundle: Path
    choice: Choice
    thresholds: ReviewThresholds
    microscope: Microscope
    settings: str
    batch: int
    marks: Path


class Worker:
    """Classifies tables of names; the model is compiled at the first one.

    An error that ends the run is returned as a table: an exception would make Ray try again, or print a stack trace.
    """

    def __init__(self, task: WorkerTask) -> None:
        self._task = task
        self._model: LoadedBundle | None = None

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the rows of the images that a table names."""
        try:
            model = self._model = self._model or self._load()
            names, part = tables.names(table), tables.part(table)
            mark = Mark(self._task.marks / f"part-{part}")
            if mark.count() < TRIES:
                mark.add()
                found = self._rows(model, names)
            else:
                found = [self._alone(model, name, part, number) for number, name in enumerate(names)]
            mark.remove()
            return tables.of_images(found)
        except (UserError, StalledError) as error:
            return tables.of_failure(error)

    def _load(self) -> LoadedBundle:
        task = self._task
        model = LoadedBundle.of(Bundle.open(task.bundle), task.choice, task.thresholds)
        model = replace(model, microscope=task.microscope)
        if (found := to_json(model.settings)) != task.settings:
            raise UserError(
                f"{task.bundle}: on {platform.node()} the model or its settings are not those of this run: use the "
                f"same bundle, the same edgewbc and processors with the same precisions on each machine ({found[:200]})"
            )
        return model

    def _rows(self, model: LoadedBundle, names: Sequence[str]) -> list[Reading]:
        with LocalCopies(names) as copies:
            results = [
                copies.finish(name, result)
                for name, result in zip(names, model.results(copies.paths(), self._task.batch), strict=True)
            ]
        return of_results(model, names, results)

    def _alone(self, model: LoadedBundle, name: str, part: int, number: int) -> Reading:
        mark = Mark(self._task.marks / f"image-{part}-{number}")
        if mark.count() >= TRIES:
            return of_results(model, [name], [ImageResult(Path(name), "", NOT_READ, error=ENDS_PROCESS)])[0]
        mark.add()
        (found,) = self._rows(model, [name])
        mark.remove()
        return found


def of_results(model: LoadedBundle, names: Sequence[str], results: Sequence[ImageResult]) -> list[Reading]:
    """Return the rows of results, under the names that the journal knows the images by."""
    return [
        Reading(tuple(row.under(name) for row in rows), result.version, result.sha256)
        for name, (result, rows) in zip(names, model.finished(results), strict=True)
    ]


@dataclass(frozen=True)
class Mark:
    """A count of how often something was begun, which outlives the process: a file that grows by a byte each time.

    Where the disk cannot keep it, nothing is counted.
    """

    path: Path

    def count(self) -> int:
        """Return how often `add` was called since the last `remove`."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def add(self) -> None:
        """Count once more."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(b".")
        except OSError:
            return

    def remove(self) -> None:
        """Forget what was counted; the folder goes with its last file."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
            self.path.parent.rmdir()
