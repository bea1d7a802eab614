"""The PC: its processor and memory, by the standard library alone, on Linux, Windows and macOS."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """Bytes of memory; None where the system does not tell. `free` is what a program can have without swapping."""

    total: int | None
    free: int | None


def processor() -> str:
    """The processor's name, such as "Intel(R) Core(TM) i5-1135G7"; its architecture where there is no name."""
    name = ""
    if sys.platform == "win32":
        name = _windows_processor()
    elif sys.platform == "darwin":
        name = _said_by(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"])
    else:
        name = _fields(Path("/proc/cpuinfo")).get("model name", "")
    return name.strip() or platform.processor() or platform.machine() or "unknown"


def cores() -> int:
    """Processors that this process may use (hyperthreads count)."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> Memory:
    """Memory of the PC; inside a Linux container, what the container may have."""
    if sys.platform == "win32":
        return _windows_memory()
    if sys.platform == "darwin":
        total = _said_by(["/usr/sbin/sysctl", "-n", "hw.memsize"]).strip()
        return Memory(int(total) if total.isdigit() else None, _mac_free(_said_by(["/usr/bin/vm_stat"])))
    told = _fields(Path("/proc/meminfo"))
    found = Memory(_kib(told.get("MemTotal")), _kib(told.get("MemAvailable")))
    return _within(found, Path("/sys/fs/cgroup"))


def _within(found: Memory, group: Path) -> Memory:
    """Memory under the limit of a control group (version 2), if it has one."""
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no control group, or no limit ("max")
        return found
    left = max(0, limit - used)
    return Memory(
        limit if found.total is None else min(found.total, limit), left if found.free is None else min(found.free, left)
    )


def _fields(path: Path) -> dict[str, str]:
    """`name: value` lines of a file of /proc, the first of each name; empty if there is no such file."""
    found: dict[str, str] = {}
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return found
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip(), value.strip())
    return found


def _kib(text: str | None) -> int | None:
    """Bytes of "16303412 kB"."""
    number = (text or "").removesuffix(" kB")
    return int(number) * 1024 if number.isdigit() else None


def _mac_free(text: str) -> int | None:
    """Bytes of the free and inactive pages in the output of vm_stat."""
    size = text.partition("page size of ")[2].partition(" ")[0]
    pages = {line.partition(":")[0]: line.partition(":")[2].strip(" .") for line in text.splitlines()}
    counts = [pages.get(name, "") for name in ("Pages free", "Pages inactive")]
    if not size.isdigit() or not all(count.isdigit() for count in counts):
        return None
    return int(size) * sum(map(int, counts))


def _said_by(command: Sequence[str]) -> str:
    """What a program of the system prints; empty if it fails."""
    import subprocess  # noqa: S404  (classify looks at the processor too, and has no time to lose)

    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""


def _windows_processor() -> str:
    if sys.platform != "win32":
        return ""
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0])
    except OSError:
        return ""


def _windows_memory() -> Memory:
    if sys.platform != "win32":
        return Memory(None, None)
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("free", ctypes.c_ulonglong),
            ("rest", ctypes.c_ulonglong * 5),  # page file, virtual and extended memory
        )

    status = Status(length=ctypes.sizeof(Status))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return Memory(None, None)
    return Memory(int(status.total), int(status.free))
