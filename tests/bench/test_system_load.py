"""edgewbc.bench.system_load: what else the machine does."""

from __future__ import annotations

import sys
import time

import pytest

from edgewbc.bench import system_load

STAT = ["cpu  9 9 9 9 9 9 9 9 9 9", "cpu0 10 1 5 100 7 1 2 3 4 0", "cpu1 20 0 0 50 0 0 0", "intr 5"]


def test_busy_is_all_but_idle_and_waiting() -> None:
    """user, nice, system, irq, softirq and steal of the processors that are ours."""
    assert system_load._busy_ticks(STAT, {"cpu0"}) == 10 + 1 + 5 + 1 + 2 + 3
    assert system_load._busy_ticks(STAT, {"cpu0", "cpu1"}) == 22 + 20


def test_what_this_process_does_is_not_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 3 busy seconds in 2 on two cores, 1 was ours: others had half of the machine."""
    busy, own, now = iter([10.0, 13.0]), iter([5.0, 6.0]), iter([0.0, 2.0])
    monkeypatch.setattr(system_load, "busy_seconds", lambda: next(busy))
    monkeypatch.setattr(system_load, "own_seconds", lambda: next(own))
    monkeypatch.setattr(system_load.time, "perf_counter", lambda: next(now))
    monkeypatch.setattr(system_load.host, "cores", lambda: 2)
    with system_load.Meter() as meter:
        pass
    assert meter.others == 0.5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_busy_time_counts_work_and_own_time_takes_it_away() -> None:
    """0.3 s of work of this process appear in both counters, to the hundredths of a second that the system counts."""
    busy, own = system_load.busy_seconds(), system_load.own_seconds()
    start = time.process_time()
    while time.process_time() - start < 0.3:
        sum(range(1000))
    later, own_later = system_load.busy_seconds(), system_load.own_seconds()
    assert busy is not None
    assert later is not None
    assert own is not None
    assert own_later is not None
    assert later - busy >= 0.25
    assert 0.28 <= own_later - own <= 0.5
