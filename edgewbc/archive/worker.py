"""The worker: a process with the model compiled for one core, which turns tables of names into tables of rows.

A part whose worker was killed is handed to another one. An image that ends the process that reads it would end them one
after the other, so a worker leaves a mark when it begins a part. A worker that finds `TRIES` marks of a part classifies
it image by image, with a mark for each, and an image that was begun `TRIES` times becomes a row with an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgewbc.archive import tables
from edgewbc.archive.remote import LocalCopies
from edgewbc.errors import StalledError, UserError
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.journal import Reading
from edgewbc.lab.worker_task import WorkerTask, readings, unread

if TYPE_CHECKING:
    import pyarrow as pa

TRIES = 2
"""Number of workers that may end while they classify a part, or an image, before it is taken for the cause."""


@dataclass(frozen=True)
class RayTask:
    """What a worker on Ray needs.

    Attributes:
        task: how it classifies.
        marks: folder for the marks of parts that were begun.
    """

    task: WorkerTask
    marks: Path


class Worker:
    """Classifies tables of names; the model is compiled at the first one.

    An error that ends the run is returned as a table: an exception would make Ray try again, or print a stack trace.
    """

    def __init__(self, task: RayTask) -> None:
        self._task, self._marks = task.task, task.marks
        self._model: LoadedBundle | None = None

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the rows of the images that a table names."""
        try:
            model = self._model = self._model or self._task.load()
            names, part = tables.names(table), tables.part(table)
            mark = Mark(self._marks / f"part-{part}")
            if mark.count() < TRIES:
                mark.add()
                found = self._rows(model, names)
            else:
                found = [self._alone(model, name, part, number) for number, name in enumerate(names)]
            mark.remove()
            return tables.of_images(found)
        except (UserError, StalledError) as error:
            return tables.of_failure(error)

    def _rows(self, model: LoadedBundle, names: Sequence[str]) -> list[Reading]:
        with LocalCopies(names) as copies:
            results = [
                copies.finish(name, result)
                for name, result in zip(names, model.results(copies.paths(), self._task.batch), strict=True)
            ]
        return readings(model, names, results)

    def _alone(self, model: LoadedBundle, name: str, part: int, number: int) -> Reading:
        mark = Mark(self._marks / f"image-{part}-{number}")
        if mark.count() >= TRIES:
            return unread(model, name)
        mark.add()
        (found,) = self._rows(model, [name])
        mark.remove()
        return found


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
