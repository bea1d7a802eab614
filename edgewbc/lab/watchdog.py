"""Detect a run that is stalled rather than slow, and end it: every wait has a timeout.

Two guards, one inside the other. `Activity` knows what each thread of a run is doing and raises `StalledError` in the
thread that waits for results. `end_if_frozen` covers what Python code cannot: a C extension that waits forever while it
holds the interpreter lock, so that no Python line runs in any thread, nor does Ctrl-C.
"""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TypeVar

from edgewbc.errors import StalledError

T = TypeVar("T")

LIMIT = 60.0
"""Seconds without any progress after which a run counts as stalled."""

POLL = 1.0
"""Seconds between two checks. Checks are counted, not the clock: a PC that was suspended has not stalled."""


class Activity:
    """Tracks what the threads of one run are doing, and how many steps they have finished."""

    def __init__(self, limit: float = LIMIT) -> None:
        """Start without any step.

        Args:
            limit: seconds without a finished step after which `result` raises.
        """
        self._limit = limit
        self._steps = 0
        self._stages: dict[int, tuple[str, float]] = {}

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Record that the calling thread does this during the block, such as `decoding cell.jpg`."""
        return _Stage(self, name)

    def begin(self, name: str) -> None:
        """Record that the calling thread does this from now on."""
        self._stages[threading.get_ident()] = (name, time.monotonic())

    def end(self) -> None:
        """Record that the calling thread has finished a step."""
        self._stages.pop(threading.get_ident(), None)
        self._steps += 1  # not exact from several threads, and need not be: it only has to change

    def result(self, future: Future[T]) -> T:
        """Wait for a result as long as the run makes progress.

        Raises:
            StalledError: no thread of the run has finished a step for `limit` seconds.
        """
        steps, idle = self._steps, 0.0
        while not wait([future], POLL).done:
            idle = idle + POLL if self._steps == steps else 0.0
            steps = self._steps
            if idle >= self._limit:
                raise StalledError(self._stalled())
        return future.result()

    def _stalled(self) -> str:
        stages = sorted(self._stages.values(), key=lambda stage: stage[1])
        doing = "; ".join(name for name, _ in stages) or "waiting for a worker"
        return f"no progress for {self._limit:.0f} s, stopped while {doing}"


class _Stage(AbstractContextManager[None]):
    """A block that is one step. (A generator as context manager takes twice as long, and each image has several.)"""

    def __init__(self, activity: Activity, name: str) -> None:
        self._activity, self._name = activity, name

    def __enter__(self) -> None:
        self._activity.begin(self._name)

    def __exit__(self, *_: object) -> None:
        self._activity.end()


@contextmanager
def end_if_frozen(limit: float = 1.5 * LIMIT) -> Iterator[None]:
    """End this process with exit code 1, and the stack of each thread on stderr, if the interpreter itself is stuck.

    A thread keeps restarting a timer of `faulthandler`; if even that thread does not get to run, the timer ends the
    process. Files keep the state of a killed process: a journal loses nothing that was committed.

    Args:
        limit: seconds.
    """
    stop = threading.Event()

    def wind() -> None:
        with suppress(AttributeError, OSError, RuntimeError, ValueError):  # no stderr to write to
            while True:
                faulthandler.dump_traceback_later(limit, exit=True, file=sys.__stderr__ or 2)
                if stop.wait(limit / 4):
                    break
        faulthandler.cancel_dump_traceback_later()

    thread = threading.Thread(target=wind, name="edgewbc-watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
