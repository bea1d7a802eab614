"""Timers that nearly always are cancelled: every request starts one or two, and few ever end.

The event loop keeps a timer in a heap, by its time, until that has come, also one that was cancelled. Those of requests
have one of two or three durations. Timers of the same duration end in the order in which they were started, so that a
list for each duration is enough, and one timer of the event loop for each list.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, Final

SLACK: Final = 0.05
"""Seconds that a timer may be late, so that timers that end at nearly the same time wake the event loop once."""


class Timer:
    """A function that is called later, unless the timer is cancelled before."""

    __slots__ = ("call", "ends", "started")

    def __init__(self, call: Callable[[], object], ends: float, started: OrderedDict[Timer, None]) -> None:
        self.call, self.ends, self.started = call, ends, started

    def cancel(self) -> None:
        """Forget it; nothing happens if it has ended or was cancelled."""
        self.started.pop(self, None)


class TimedLoop:
    """An event loop whose `call_later` is cheap for durations that are used again and again.

    Everything else is the loop's own. Timers may be late by `SLACK`, and are never early.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start timers of a loop; used in its thread alone."""
        self._loop = loop
        self._started: dict[float, OrderedDict[Timer, None]] = {}
        self._waiting: set[float] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Call a function after some seconds."""
        started = self._started.get(delay)
        if started is None:
            started = self._started[delay] = OrderedDict()
        timer = Timer(partial(callback, *args) if args else callback, self._loop.time() + delay, started)
        started[timer] = None
        if delay not in self._waiting:
            self._waiting.add(delay)
            self._loop.call_later(delay + SLACK, self._end, delay)
        return timer

    def _end(self, delay: float) -> None:
        """Call the functions of the timers of a duration that have ended, and wait for the next one."""
        started, now = self._started[delay], self._loop.time()
        try:
            while started and (first := next(iter(started))).ends <= now:
                del started[first]
                first.call()
        finally:
            if started:
                self._loop.call_later(next(iter(started)).ends - now + SLACK, self._end, delay)
            else:
                self._waiting.discard(delay)
