"""Progress of a training in the terminal: a bar for the batches, and a line for each epoch."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgewbc.cli.console import say

if TYPE_CHECKING:
    from edgewbc.train.history import EpochResult, TrainingCallbacks
    from edgewbc.train.tracking import RunTrackers, Tracker


DRAW_SECONDS = 15.0
"""Time between two drawings of the learning curves: drawing takes a part of a second."""


class TrainingProgress:
    """Shows the progress of a training: the callbacks `opened`, `progress` and `report` of `train.loop.fit`.

    Learning curves and the confusion matrix are drawn into the run folder, at most every `DRAW_SECONDS`.

    Attributes:
        first: whether this process prints: the first of several (accelerate launch), or the only one.
    """

    def __init__(self, track: Sequence[str] = ()) -> None:
        """Create the callbacks; the bar appears with the first batch.

        Args:
            track: names of experiment trackers (see `train.tracking`).

        Raises:
            UserError: a tracker is unknown or not installed.
        """
        self.first = int(os.environ.get("RANK", "0")) == 0
        self._bar: Any = None
        self._task: Any = None
        self._epoch = 0
        self._run: Path | None = None
        self._run_number = 0
        self._epochs = 0
        self._seconds: list[float] = []
        self._drawn = time.monotonic()
        self._trackers: RunTrackers | None = None
        self._track: tuple[Tracker, ...] = ()
        if track:
            from edgewbc.train.tracking import chosen

            self._track = chosen(track)

    @property
    def callbacks(self) -> TrainingCallbacks:
        """The callbacks, as keyword arguments."""
        return {"opened": self.opened, "progress": self.progress, "report": self.report}

    def opened(self, run: Path, epochs: int) -> None:
        """Note the run folder and the number of epochs, start the trackers, and have freed memory kept."""
        from edgewbc.train.heap import keep_freed_memory

        self._close()
        if self._run_number == 0 and keep_freed_memory() and self.first:
            say("memory: freed memory stays with this process, as glibc would map it anew in every step")
        self._run_number += 1
        self._run, self._epochs, self._seconds = run, epochs, []
        if self._track and self.first:
            from edgewbc.train.tracking import FOLDER, RunTrackers

            self._trackers = RunTrackers(self._track, run)
            say(f"tracking: {', '.join(self._track)} in {run / FOLDER}")

    def progress(self, epoch: int, done: int, total: int) -> None:
        """Update the bar, if stderr is a terminal."""
        if not (self.first and sys.stderr.isatty()):
            return
        from rich.console import Console
        from rich.progress import Progress

        if self._bar is None or epoch != self._epoch:
            self._stop()
            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(f"epoch {epoch}", total=total)
            self._epoch = epoch
        self._bar.update(self._task, completed=done)
        if done == total:
            self._stop()

    def report(self, result: EpochResult) -> None:
        """Print an epoch's losses and validation accuracy on stderr, and the time that is left at most."""
        self._seconds.append(result.seconds)
        rest = max(0, self._epochs - result.epoch) * sum(self._seconds) / len(self._seconds)
        left = f", at most {_duration(rest)} left" if rest else ""
        say(
            f"epoch {result.epoch}: train loss {result.train_loss:.4f}, validation loss {result.val_loss:.4f}, "
            f"validation accuracy {result.val_accuracy:.2%} ({result.val_correct} of {result.val_n}, "
            f"protocol {result.protocol}), {result.seconds:.0f} s{left}"
        )
        for failed in [] if self._trackers is None else self._trackers.log(result):
            say(failed)
        if self._run is not None and time.monotonic() - self._drawn > DRAW_SECONDS:
            self._draw(self._run)

    def best(self, run: Path) -> EpochResult:
        """Return the result of the epoch whose weights a finished run contains."""
        from edgewbc import runs
        from edgewbc.train.history import EpochResult

        return EpochResult.from_json(runs.lineage(run).validation)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """On Ctrl-C within the block, remove the bar and print how to resume (see `runs.resumable`).

        After the block, the run's figures are up to date and its trackers are finished.
        """
        try:
            yield
            self._close()
        except KeyboardInterrupt as interrupt:
            self._stop()
            if self.first and str(interrupt):
                say(str(interrupt))
            raise

    def _close(self) -> None:
        """Draw the last state of a run, and finish its trackers."""
        if self._run is not None and self.first:
            self._draw(self._run)
        for failed in [] if self._trackers is None else self._trackers.finish():
            say(failed)
        self._run = self._trackers = None

    def _draw(self, run: Path) -> None:
        """Draw the run's figures, if matplotlib is installed: a figure must never end a training."""
        from edgewbc.errors import UserError
        from edgewbc.report import training_figures

        self._drawn = time.monotonic()
        try:
            training_figures.draw(run)
        except (UserError, OSError) as error:
            say(f"no figures: {error}")

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _duration(seconds: float) -> str:
    """Return a duration in words: `40 s`, `12 min` or `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
