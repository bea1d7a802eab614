"""Console output of the studies, and what they do after writing their results."""

from __future__ import annotations

import json
import subprocess  # noqa: S404
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from edgewbc.train.history import EpochResult

T = TypeVar("T")

CHECKOUT = Path(__file__).resolve().parents[1]
RESULTS = CHECKOUT / "bench" / "results"


def say(text: str) -> None:
    """Print a message on stderr; stdout is for results."""
    print(text, file=sys.stderr, flush=True)


def progress(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the items with a progress bar on stderr, if it is a terminal."""
    if total is None and isinstance(items, Sequence):
        total = len(items)
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=what, total=total, console=Console(stderr=True), transient=True)


def report_epoch(result: EpochResult) -> None:
    """Print the losses and the validation accuracy of an epoch of a training."""
    say(
        f"epoch {result.epoch}: train loss {result.train_loss:.4f}, validation loss {result.val_loss:.4f}, "
        f"validation accuracy {result.val_accuracy:.2%} ({result.val_correct} of {result.val_n}, "
        f"protocol {result.protocol}), {result.seconds:.0f} s"
    )


class EpochBar:
    """A progress bar for each epoch of a training, if stderr is a terminal."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._epoch = 0

    def __call__(self, epoch: int, done: int, total: int) -> None:
        if not sys.stderr.isatty():
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

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def refresh_tables() -> None:
    """Rewrite the tables and figures that are made from `bench/results`, in a process of its own."""
    subprocess.run([sys.executable, "-m", "bench.readme"], cwd=CHECKOUT, check=True)  # noqa: S603


def finish(results: dict[str, Any], text: str, *, as_json: bool, committed: bool) -> None:
    """Refresh the tables and figures that are made from the results of this checkout, and print the results.

    Args:
        results: of the study.
        text: the results as a table.
        as_json: print JSON instead of the table.
        committed: whether the results were written to `bench/results`, where the tables are made from.
    """
    if committed:
        refresh_tables()
    if as_json:
        print(json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        print(text)
