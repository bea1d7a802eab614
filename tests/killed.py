"""A training that is killed: what `progress` and `report` of `loop.fit` are given to end it where a test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Killed(BaseException):
    """As a process that is killed: no `except Exception` holds it."""


def at_batch(epoch: int, batch: int) -> Callable[[int, int, int], None]:
    """For `progress`: killed when this batch of this epoch is done."""

    def progress(at: int, done: int, total: int) -> None:
        if (at, done) == (epoch, batch):
            raise Killed

    return progress


def at_report(count: int = 1) -> Callable[[dict[str, Any]], None]:
    """For `report`: killed when it is called for the `count`-th time."""
    lines: list[dict[str, Any]] = []

    def report(line: dict[str, Any]) -> None:
        lines.append(line)
        if len(lines) == count:
            raise Killed

    return report
