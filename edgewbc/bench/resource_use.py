"""CPU time and memory: of this process, and of everything else that runs on the machine.

A benchmark on a busy machine measures the other programs too. The system counts how long its processors were busy;
what this process and its children did not use of that belongs to others. On a virtual machine, time that the host took
away (`steal`) counts as used by others.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from edgewbc.runtime import host

BUSY = 0.1
"""Share of the machine that others may use before a measurement counts as disturbed."""


class CpuUse:
    """Measures how many cores this process kept busy during a `with` block: processor time over wall time.

    It shows how many threads really worked, for runtimes that do not report it. Spinning threads count as busy.

    Attributes:
        cores: average number of busy cores, set at the end of the block.
    """

    cores = 0.0

    def __enter__(self) -> CpuUse:
        self._start, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        wall = time.perf_counter() - self._start
        self.cores = (time.process_time() - self._cpu) / wall if wall > 0 else 0.0


class OtherLoad:
    """Measures the share of the machine that other programs used during a `with` block.

    Attributes:
        share: 0..1, set at the end of the block; None where the system does not report it.
    """

    share: float | None = None

    def __enter__(self) -> OtherLoad:
        self._start = time.perf_counter()
        self._busy, self._own = busy_seconds(), own_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        busy, own = busy_seconds(), own_seconds()
        wall = time.perf_counter() - self._start
        if busy is None or own is None or self._busy is None or self._own is None or wall <= 0:
            return
        used = (busy - self._busy) - (own - self._own)
        # The system counts in hundredths of a second: over a short block the difference can be outside 0..1.
        self.share = round(min(1.0, max(0.0, used / (wall * host.cores()))), 3)


def system_load(seconds: float = 1.0) -> float | None:
    """Return the share of the machine that is in use, 0..1, measured while this process sleeps.

    Args:
        seconds: duration of the measurement.

    Returns:
        the share; None where the system does not report it.
    """
    start, busy = time.perf_counter(), busy_seconds()
    time.sleep(seconds)
    now, wall = busy_seconds(), time.perf_counter() - start
    if busy is None or now is None:
        return None
    return round(min(1.0, max(0.0, (now - busy) / (wall * host.cores()))), 3)


def busy_warning(load: float) -> str:
    """Return the warning that is printed before a benchmark on a busy machine; `load` is 0..1."""
    return f"this machine is busy ({100 * load:.0f} % in use): the measured speeds will be too low and unsteady"


def busy_seconds() -> float | None:
    """Return the processor time since the system started that was not idle, in seconds.

    On Linux it is summed over the processors that this process may use. None where it is not reported (macOS).
    """
    if sys.platform == "win32":
        return _windows_busy_seconds()
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii", errors="replace").splitlines()
        ticks_per_second: int = os.sysconf("SC_CLK_TCK")
        allowed = {f"cpu{index}" for index in os.sched_getaffinity(0)}
    except (OSError, AttributeError, ValueError):
        return None
    return _busy_ticks(lines, allowed) / ticks_per_second


def own_seconds() -> float | None:
    """Return the processor time of this process and its finished children; None on Windows, which does not count it."""
    if sys.platform == "win32":
        return None
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def peak_memory(process: int | None = None) -> int | None:
    """Return the peak resident memory of a process in bytes; None where the system does not report it.

    On Linux it is read from /proc, because `getrusage` also counts what the parent held when it started this process.

    Args:
        process: its number; None is this process. Others are reported on Linux only.
    """
    if sys.platform == "win32":
        return _windows_peak_memory() if process is None else None
    try:
        for line in (
            Path(f"/proc/{process or 'self'}/status").read_text(encoding="ascii", errors="replace").splitlines()
        ):
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    if process is not None:
        return None
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes on macOS, kibibytes elsewhere


def _busy_ticks(lines: list[str], processors: set[str]) -> int:
    """Sum user, nice, system, irq, softirq and steal of the `cpuN` lines of /proc/stat; user includes guests."""
    total = 0
    for line in lines:
        name, *fields = line.split()
        if name in processors:
            values = [*map(int, fields[:8]), *[0] * 8][:8]
            total += sum(values) - values[3] - values[4]  # idle and iowait
    return total


def _windows_busy_seconds() -> float | None:
    if sys.platform != "win32":
        return None
    import ctypes

    idle, kernel, user = (ctypes.c_ulonglong() for _ in range(3))
    if not ctypes.windll.kernel32.GetSystemTimes(ctypes.byref(idle), ctypes.byref(kernel), ctypes.byref(user)):
        return None
    return float(kernel.value + user.value - idle.value) / 1e7  # units of 100 ns; kernel time includes idle time


def _windows_peak_memory() -> int | None:
    import ctypes
    from ctypes import wintypes

    class Counters(ctypes.Structure):
        """PROCESS_MEMORY_COUNTERS of psapi.h."""

        _fields_ = [
            ("cb", wintypes.DWORD),
            ("PageFaultCount", wintypes.DWORD),
            ("PeakWorkingSetSize", ctypes.c_size_t),
            ("WorkingSetSize", ctypes.c_size_t),
            ("QuotaPeakPagedPoolUsage", ctypes.c_size_t),
            ("QuotaPagedPoolUsage", ctypes.c_size_t),
            ("QuotaPeakNonPagedPoolUsage", ctypes.c_size_t),
            ("QuotaNonPagedPoolUsage", ctypes.c_size_t),
            ("PagefileUsage", ctypes.c_size_t),
            ("PeakPagefileUsage", ctypes.c_size_t),
        ]

    kernel = getattr(ctypes, "WinDLL")("kernel32")  # noqa: B009  (exists on Windows only)
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    query = kernel.K32GetProcessMemoryInfo
    query.argtypes = [wintypes.HANDLE, ctypes.POINTER(Counters), wintypes.DWORD]
    counters = Counters(cb=ctypes.sizeof(Counters))
    succeeded = query(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb)
    return int(counters.PeakWorkingSetSize) if succeeded else None
