"""The processes that a command started, and their memory, as /proc tells it."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

WORKERS = ("ray::MapWorker", "edgewbc.lab.worker_process")
"""What is in the command line of a process that works for Ray Data, or for `--engine processes`."""


def family(top: int) -> set[int]:
    """Return the ids of a process and of all that it started, directly or not."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = {top}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def workers(processes: set[int]) -> list[int]:
    """Return those of the processes that classify for the driver, sorted."""
    return sorted(process for process in processes if any(each in command(process) for each in WORKERS))


def command(process: int) -> str:
    """Return the command line of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def proportional_kb(process: int) -> int:
    """Return the memory of a process in kB, what it shares with others divided among them (PSS); 0 if it has ended."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


@dataclass
class MemoryPeak:
    """Samples the memory of a command's processes during a `with` block: of the driver, the workers, and Ray itself.

    Attributes:
        top: the driver.
        every: seconds between two samples.
        peak_mb: most memory (PSS) of each kind, and of all at one moment, in MB of 10^6 bytes.
    """

    top: int
    every: float = 1.0
    peak_mb: dict[str, float] = field(default_factory=dict)

    def __enter__(self) -> MemoryPeak:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(self.every):
            processes = family(self.top)
            busy = set(workers(processes))
            kinds = {"driver": {self.top}, "workers": busy, "ray": processes - busy - {self.top}, "all": processes}
            for kind, members in kinds.items():
                now = sum(map(proportional_kb, members)) * 1024 / 1e6
                self.peak_mb[kind] = max(self.peak_mb.get(kind, 0.0), round(now, 1))
