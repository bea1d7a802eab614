"""What a person sees of a training: a bar where there is a terminal, a line an epoch anywhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from edgewbc.cli.console import say


class Watch:
    """`progress` and `report` for `train.loop.fit`."""

    def __init__(self) -> None:
        self.first = int(os.environ.get("RANK", "0")) == 0  # of several processes (accelerate launch) one speaks
        self._bar: Any = None
        self._task: Any = None
        self._epoch = 0

    def progress(self, epoch: int, done: int, total: int) -> None:
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

    def report(self, line: dict[str, Any]) -> None:
        say(
            f"epoch {line['epoch']}: train loss {line['train_loss']:.4f}, validation loss {line['val_loss']:.4f}, "
            f"validation accuracy {line['val_accuracy']:.2%} ({line['val_correct']} of {line['val_n']}, "
            f"protocol {line['protocol']}), {line['seconds']:.0f} s"
        )

    def best(self, run: Path) -> dict[str, Any]:
        """The line of the epoch that was kept."""
        from edgewbc import runs

        return dict(runs.lineage(run)["validation"])

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
