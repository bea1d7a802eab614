"""Tests of edgewbc.serve.timers: they end in time and in order, and those that are cancelled leave nothing behind."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from edgewbc.serve.timers import SLACK, TimedLoop, Timer


def run(seconds: float, start: Any) -> list[tuple[float, str]]:
    """Call a function with a loop and a function that notes a name; return the names and their times."""
    found: list[tuple[float, str]] = []

    async def main() -> None:
        loop, begun = asyncio.get_running_loop(), time.monotonic()
        start(TimedLoop(loop), lambda name: found.append((time.monotonic() - begun, name)))
        await asyncio.sleep(seconds)

    asyncio.run(main())
    return found


def test_timers_end_in_time() -> None:
    """Of several durations, never early, and late by no more than a little."""

    def start(loop: TimedLoop, note: Any) -> None:
        for delay, name in ((0.3, "c"), (0.1, "a"), (0.1, "b")):
            loop.call_later(delay, note, name)

    (a, b, c) = run(0.8, start)
    assert [a[1], b[1], c[1]] == ["a", "b", "c"]
    for (at, _), delay in zip((a, b, c), (0.1, 0.1, 0.3), strict=True):
        assert delay <= at < delay + SLACK + 0.2


def test_a_timer_that_is_started_by_another_one_waits_for_its_own_time() -> None:
    """Nor does it hold up one that was started before; an error of one does not keep others from ending."""

    def start(loop: TimedLoop, note: Any) -> None:
        def again() -> None:
            note("first")
            loop.call_later(0.1, note, "again")
            raise ValueError("as expected")

        asyncio.get_running_loop().set_exception_handler(lambda *_: note("error"))
        loop.call_later(0.1, again)
        loop.call_later(0.1, note, "second")
        asyncio.get_running_loop().call_later(0.05, loop.call_later, 0.1, note, "third")

    found = run(0.8, start)
    assert [name for _, name in found] == ["first", "error", "second", "third", "again"]
    assert found[-1][0] >= 0.2


def test_a_timer_that_is_cancelled_leaves_nothing_behind() -> None:
    """However many there are: the event loop would keep each of them, and one that waits does not keep the others."""

    async def main() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        timed, before = TimedLoop(loop), len(loop._scheduled)  # type: ignore[attr-defined]
        first = timed.call_later(60.0, pytest.fail)
        for _ in range(1000):
            timer = timed.call_later(60.0, pytest.fail)
            timer.cancel()
            timer.cancel()
        kept, scheduled = len(first.started), len(loop._scheduled) - before  # type: ignore[attr-defined]
        first.cancel()
        assert not first.started
        return kept, scheduled

    assert asyncio.run(main()) == (1, 1)


def test_everything_else_is_the_loop_s_own() -> None:
    """Such as the time and tasks."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        timed = TimedLoop(loop)
        assert timed.time == loop.time
        assert await timed.create_task(asyncio.sleep(0, 7)) == 7
        assert isinstance(timed.call_later(1.0, print), Timer)

    asyncio.run(main())
