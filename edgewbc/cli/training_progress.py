"""Progress of a training in the terminal: a bar for the batches, and a line for each epoch."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgewbc.cli.console import say

if TYPE_CHECKING:
    from edgewbc.train.history import EpochResult


class TrainingProgress:
    """Shows the progress of a training: the callbacks `progress` and `report` of `train.loop.fit`.

    Attributes:
        first: whether this process prints: the first of several (accelerate launch), or the only one.
    """

    def __init__(self) -> None:
        """Create the callbacks; the bar appears with the first batch."""
        self.first = int(os.environ.get("RANK", "0")) == 0
        self._bar: Any = None
        self._task: Any = None
        self._epoch = 0

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
        """Print an epoch's losses and validation accuracy on stderr."""
        say(
            f"epoch {result.epoch}: train loss {result.train_loss:.4f}, validation loss {result.val_loss:.4f}, "
            f"validation accuracy {result.val_accuracy:.2%} ({result.val_correct} of {result.val_n}, "
            f"protocol {result.protocol}), {result.seconds:.0f} s"
        )

    def best(self, run: Path) -> EpochResult:
        """Return the result of the epoch whose weights a finished run contains."""
        from edgewbc import runs
        from edgewbc.train.history import EpochResult

        return EpochResult.from_json(dict(runs.lineage(run)["validation"]))

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """On Ctrl-C within the block, remove the bar and print how to resume (see `runs.resumable`)."""
        try:
            yield
        except KeyboardInterrupt as interrupt:
            self._stop()
            if self.first and str(interrupt):
                say(str(interrupt))
            raise

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
