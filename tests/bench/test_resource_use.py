"""edgewbc.bench.resource_use: CPU time and memory of this process and of others."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from edgewbc.bench import resource_use
from edgewbc.bench.resource_use import CpuUse, OtherLoad, peak_memory

STAT = ["cpu  9 9 9 9 9 9 9 9 9 9", "cpu0 10 1 5 100 7 1 2 3 4 0", "cpu1 20 0 0 50 0 0 0", "intr 5"]

ALLOCATE = """
from edgewbc.bench.resource_use import peak_memory
before = peak_memory()
block = bytearray(b"x" * 100_000_000)
during = peak_memory()
del block
print(before, during, peak_memory())
"""


def test_busy_time_excludes_idle_and_iowait() -> None:
    """It is user, nice, system, irq, softirq and steal of the allowed processors."""
    assert resource_use._busy_ticks(STAT, {"cpu0"}) == 10 + 1 + 5 + 1 + 2 + 3
    assert resource_use._busy_ticks(STAT, {"cpu0", "cpu1"}) == 22 + 20


def test_own_time_is_not_the_load_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 3 busy seconds in 2 s on two cores, 1 was this process's: others used half of the machine."""
    busy, own, now = iter([10.0, 13.0]), iter([5.0, 6.0]), iter([0.0, 2.0])
    monkeypatch.setattr(resource_use, "busy_seconds", lambda: next(busy))
    monkeypatch.setattr(resource_use, "own_seconds", lambda: next(own))
    monkeypatch.setattr("edgewbc.bench.resource_use.time.perf_counter", lambda: next(now))
    monkeypatch.setattr("edgewbc.bench.resource_use.host.cores", lambda: 2)
    with OtherLoad() as load:
        pass
    assert load.share == 0.5


def test_unknown_load_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system reports no busy time, there is no share."""
    monkeypatch.setattr(resource_use, "busy_seconds", lambda: None)
    with OtherLoad() as load:
        pass
    assert load.share is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_both_counters_include_own_work() -> None:
    """0.3 s of work of this process appear in both counters, to the system's resolution of 0.01 s."""
    busy, own = resource_use.busy_seconds(), resource_use.own_seconds()
    start = time.process_time()
    while time.process_time() - start < 0.3:
        sum(range(1000))
    later, own_later = resource_use.busy_seconds(), resource_use.own_seconds()
    assert busy is not None
    assert later is not None
    assert own is not None
    assert own_later is not None
    assert later - busy >= 0.25
    assert 0.28 <= own_later - own <= 0.5


def test_busy_cores_are_counted() -> None:
    """A sleeping process keeps hardly any of a core busy, a computing one more."""
    with CpuUse() as sleeping:
        time.sleep(0.05)
    with CpuUse() as computing:
        sum(range(2_000_000))
    assert sleeping.cores < 0.5
    assert computing.cores > sleeping.cores


def test_peak_memory_includes_released_memory() -> None:
    """100 MB (twice while they are copied) raise the peak, which stays when they are released."""
    block = bytearray(b"x" * 150_000_000)  # the parent's memory does not count for the child
    printed = subprocess.run([sys.executable, "-c", ALLOCATE], capture_output=True, text=True, check=True).stdout
    before, during, after = map(int, printed.split())
    assert len(block) > before
    assert 100e6 <= during - before <= 250e6
    assert after >= 0.99 * during


def test_peak_memory_is_in_bytes() -> None:
    """The peak includes 50 MB that are allocated, and is below 100 GB: not kibibytes."""
    block = bytearray(b"x" * 50_000_000)
    found = peak_memory()
    assert found is not None
    assert len(block) < found < 100e9
