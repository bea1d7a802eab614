"""Where the images of a run are classified: in this process, or where another engine does it alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from edgewbc.bundle.bundle import Bundle
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.journal import Journal
from edgewbc.lab.microscope import Microscope
from edgewbc.lab.results import ResultRow
from edgewbc.lab.resume import classify_into
from edgewbc.lab.run_microscope import learned_microscope
from edgewbc.utils.progress import Progress


class Engine(Protocol):
    """Classifies images into a journal.

    Attributes:
        in_order: whether `classify` yields the rows in the order of the images.
    """

    in_order: bool

    def learn(self, bundle: Bundle, names: Sequence[str], progress: Progress) -> Microscope:
        """Learn the microscope of a run's images, for a bundle that locates cells, in this process."""
        return learned_microscope(bundle, names, progress)

    def classify(
        self, model: LoadedBundle, journal: Journal, names: Sequence[str], batch: int
    ) -> Iterator[list[ResultRow]]:
        """Classify images; yield the rows of each, in any order, once they are recorded.

        Args:
            model: with the microscope of the run.
            journal: takes the rows.
            names: of the images.
            batch: images per inference call.

        Raises:
            UserError: the journal cannot be written, or the engine cannot go on.
            StalledError: nothing moves any more.
        """


class ThisProcess(Engine):
    """The engine of a PC: threads of this process."""

    in_order = True

    def classify(
        self, model: LoadedBundle, journal: Journal, names: Sequence[str], batch: int
    ) -> Iterator[list[ResultRow]]:
        """Classify in order; see `Engine`."""
        return classify_into(model, journal, names, batch)
