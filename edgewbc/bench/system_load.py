"""What else the machine is doing: a benchmark on a busy machine measures the machine.

The system counts how long its processors were busy; what this process and its children did not use of it is somebody
else's. On a virtual machine the time that the host took away (`steal`) counts as somebody else's too.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType

from edgewbc.runtime import host

BUSY = 0.1
"""Share of the machine that others may use before a measurement is called disturbed."""


def busy_seconds() -> float | None:
    """Processor time that was not idle since the system started, over the processors that this process may use.

    None where the system does not tell (macOS).
    """
    if sys.platform == "win32":
        return _windows()
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii", errors="replace").splitlines()
        tick: int = os.sysconf("SC_CLK_TCK")
        mine = {f"cpu{index}" for index in os.sched_getaffinity(0)}
    except (OSError, AttributeError, ValueError):
        return None
    return _busy_ticks(lines, mine) / tick


def _busy_ticks(lines: list[str], processors: set[str]) -> int:
    """user, nice, system, irq, softirq and steal of the `cpuN` lines of /proc/stat; guests are in user already."""
    total = 0
    for line in lines:
        name, *fields = line.split()
        if name in processors:
            values = [*map(int, fields[:8]), *[0] * 8][:8]
            total += sum(values) - values[3] - values[4]  # idle and waiting for a disk
    return total


def _windows() -> float | None:
    if sys.platform != "win32":
        return None
    import ctypes

    idle, kernel, user = (ctypes.c_ulonglong() for _ in range(3))
    if not ctypes.windll.kernel32.GetSystemTimes(ctypes.byref(idle), ctypes.byref(kernel), ctypes.byref(user)):
        return None
    return float(kernel.value + user.value - idle.value) / 1e7  # units of 100 ns; kernel time holds the idle time


def own_seconds() -> float | None:
    """Processor time of this process and of its children that ended; None on Windows, which keeps no such account."""
    if sys.platform == "win32":
        return None
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


class Meter:
    """Measures the share of the machine that others used while a block ran.

    Attributes:
        others: 0..1 after the block; None where it cannot be known.
    """

    others: float | None = None

    def __enter__(self) -> Meter:
        self._start = time.perf_counter()
        self._busy, self._own = busy_seconds(), own_seconds()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        busy, own = busy_seconds(), own_seconds()
        wall = time.perf_counter() - self._start
        if None in (busy, own, self._busy, self._own) or wall <= 0:
            return
        spent = (busy - self._busy) - (own - self._own)  # type: ignore[operator]
        # The system counts in hundredths of a second: over a short block the difference can fall outside.
        self.others = round(min(1.0, max(0.0, spent / (wall * host.cores()))), 3)


def before(seconds: float = 1.0) -> float | None:
    """The share of the machine that is in use while this process sleeps, 0..1; None where it cannot be known."""
    start, busy = time.perf_counter(), busy_seconds()
    time.sleep(seconds)
    now, wall = busy_seconds(), time.perf_counter() - start
    if busy is None or now is None:
        return None
    return round(min(1.0, max(0.0, (now - busy) / (wall * host.cores()))), 3)


def warning(used: float) -> str:
    """What a person is told before a measurement on a busy machine."""
    return f"this machine is busy ({100 * used:.0f} % of it): the speeds will be too low, and unsteady"
