"""The engine that classifies on Ray: the driver keeps the journal, the workers read, decode and classify."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edgewbc.archive import tables
from edgewbc.archive.cluster import ClusterOptions, connected
from edgewbc.archive.remote import LocalCopies
from edgewbc.archive.worker import RayTask, Worker
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.discover import is_url
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.engine import Engine
from edgewbc.lab.journal import Journal
from edgewbc.lab.microscope import Microscope
from edgewbc.lab.results import ResultRow
from edgewbc.lab.run_microscope import learned_microscope
from edgewbc.lab.worker_task import WorkerTask, parts
from edgewbc.smear import learning
from edgewbc.utils.progress import Progress


@dataclass(frozen=True)
class RayEngine(Engine):
    """Classifies on Ray; the rows are those of `ThisProcess`.

    Attributes:
        options: where the workers run.
        say: takes remarks for a person, one line each.
    """

    in_order = False
    options: ClusterOptions = ClusterOptions()
    say: Callable[[str], None] = lambda _: None

    def learn(self, bundle: Bundle, names: Sequence[str], progress: Progress) -> Microscope:
        """Learn the microscope in this process, once for all workers, from the images that `ThisProcess` takes."""
        chosen = [names[index] for index in learning.sample(len(names))]
        if not any(map(is_url, chosen)):
            return learned_microscope(bundle, names, progress)
        with LocalCopies(chosen) as copies:
            return learned_microscope(bundle, [str(path) for path in copies.paths()], progress)

    def classify(
        self, model: LoadedBundle, journal: Journal, names: Sequence[str], batch: int
    ) -> Iterator[list[ResultRow]]:
        """Classify; see `Engine`. Ray is only started if there is anything to classify.

        Raises:
            UserError: a worker ended, and images came back without a result.
        """
        if not names:
            return
        left = len(names)
        with connected(self.options, self.say) as cluster:
            task = RayTask(WorkerTask.of(model, batch), cluster.folder)
            named = (
                tables.of_names([_absolute(name) for name in part], number)
                for number, part in enumerate(parts(names, cluster.workers, batch, model.bundle.manifest.views))
            )
            for table in cluster.map(Worker, task, named):
                for reading in tables.images(table, model.bundle.classes):
                    journal.add_all([reading])
                    left -= 1
                    yield list(reading.rows)
        if left:
            raise UserError(f"{left} of {len(names)} images came back without a result: run the same command again")


def _absolute(name: str) -> bytes:
    """Return the name of an image for a process that runs in another folder.

    It leads to the same file, and so it keeps `..`, unlike the name under which a journal stores the image.
    """
    return os.fsencode(name if is_url(name) else os.path.join(os.getcwd(), name))  # noqa: PTH109, PTH118
