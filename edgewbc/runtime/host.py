"""Detect the PC's processor and memory on Linux, Windows and macOS, with the standard library only.

psutil could replace the memory part, but neither the processor's name nor the limits of a container, and it would add a
compiled package of 0.9 MB to every offline kit.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path, PurePosixPath

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Memory:
    """Bytes of memory; None where the system does not report it. `free` is what can be allocated without swapping."""

    total: int | None
    free: int | None


def processor() -> str:
    """Return the processor's name, such as "Intel(R) Core(TM) i5-1135G7", or its architecture if it has no name."""
    name = ""
    if sys.platform == "win32":
        name = _windows_processor()
    elif sys.platform == "darwin":
        name = _output_of(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"])
    else:
        name = _fields(Path("/proc/cpuinfo")).get("model name", "")
    return name.strip() or platform.processor() or platform.machine() or "unknown"


def cores() -> int:
    """Return the number of processors that this process may use, hyperthreads included, under a container's quota."""
    if sys.platform == "linux":
        allowed, quota = len(os.sched_getaffinity(0)), _cpu_quota(_CGROUPS, _OWN_CGROUPS)
        return allowed if quota is None else max(1, min(allowed, ceil(quota)))
    return os.cpu_count() or 1


def memory() -> Memory:
    """Return the memory of the PC or, inside a Linux container, of the container."""
    if sys.platform == "win32":
        return _windows_memory()
    if sys.platform == "darwin":
        total = _output_of(["/usr/sbin/sysctl", "-n", "hw.memsize"]).strip()
        return Memory(int(total) if total.isdigit() else None, _mac_free(_output_of(["/usr/bin/vm_stat"])))
    info = _fields(Path("/proc/meminfo"))
    whole = Memory(_kib(info.get("MemTotal")), _kib(info.get("MemAvailable")))
    return _limited(whole, _CGROUPS)


def _limited(whole: Memory, group: Path) -> Memory:
    """Apply the limit of a control group (version 2), if it has one."""
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no control group, or no limit ("max")
        return whole
    left = max(0, limit - used)
    return Memory(
        limit if whole.total is None else min(whole.total, limit), left if whole.free is None else min(whole.free, left)
    )


def _cpu_quota(root: Path, own: Path) -> float | None:
    """Return the processors that the control groups of this process allow; None if there is no limit.

    Args:
        root: where control groups are mounted.
        own: the process's groups, as in /proc/self/cgroup. A limit of a parent group applies too.
    """
    quotas = []
    for group in _groups(root, own):
        try:
            if (group / "cpu.max").is_file():  # version 2
                quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
            else:
                names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
                quota, period = ((group / name).read_text(encoding="ascii").strip() for name in names)
            if int(quota) > 0 and int(period) > 0:
                quotas.append(int(quota) / int(period))
        except (OSError, ValueError):  # no such file, or no limit ("max")
            continue
    return min(quotas, default=None)


def _groups(root: Path, own: Path) -> Iterator[Path]:
    """Yield the folders of the control groups that limit this process's CPU time, of version 2 and 1.

    Inside a container the path in /proc/self/cgroup may be the host's, which is not mounted: the root is always tried.
    """
    try:
        lines = own.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for top in (root, root / "cpu", root / "cpu,cpuacct"):
        yield top
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number != "0" and "cpu" not in controllers.split(","):
            continue
        top = root if number == "0" else root / controllers
        inner = PurePosixPath(path.lstrip("/"))
        if ".." not in inner.parts:
            yield from (top / group for group in (inner, *inner.parents))


def _fields(path: Path) -> dict[str, str]:
    """Parse the `name: value` lines of a file in /proc, the first of each name; empty if the file is missing."""
    fields: dict[str, str] = {}
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return fields
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    return fields


def _kib(text: str | None) -> int | None:
    """Convert text such as "16303412 kB" to bytes."""
    number = (text or "").removesuffix(" kB")
    return int(number) * 1024 if number.isdigit() else None


def _mac_free(text: str) -> int | None:
    """Return the bytes of free and inactive pages in the output of vm_stat."""
    size = text.partition("page size of ")[2].partition(" ")[0]
    pages = {line.partition(":")[0]: line.partition(":")[2].strip(" .") for line in text.splitlines()}
    counts = [pages.get(name, "") for name in ("Pages free", "Pages inactive")]
    if not size.isdigit() or not all(count.isdigit() for count in counts):
        return None
    return int(size) * sum(map(int, counts))


def _output_of(command: Sequence[str]) -> str:
    """Return what a system program prints; empty if it fails."""
    import subprocess  # noqa: S404  (imported late: classify calls this module on every start)

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
