"""Callbacks that interrupt a training at a given point, as if its process were killed."""

from __future__ import annotations

from edgewbc.train.history import BatchCallback, EpochCallback, EpochResult


class Killed(BaseException):
    """Raised instead of killing the process; `except Exception` does not catch it."""


def at_batch(epoch: int, batch: int) -> BatchCallback:
    """Return a `progress` callback that raises when a given batch is done."""

    def progress(at: int, done: int, total: int) -> None:
        if (at, done) == (epoch, batch):
            raise Killed

    return progress


def at_report(count: int = 1) -> EpochCallback:
    """Return a `report` callback that raises when it is called for the `count`-th time."""
    epochs: list[EpochResult] = []

    def report(result: EpochResult) -> None:
        epochs.append(result)
        if len(epochs) == count:
            raise Killed

    return report
