"""A lock file that keeps a second run from writing the same journal where the system's own locks do not work.

SQLite locks a journal through the operating system, which releases the lock however a process dies. But some network
shares grant every lock to everyone (NFS mounted with `nolock`, SMB with `nobrl`), and two writers destroy an SQLite
file. So the writer also creates `<journal>.lock`, which only one can (O_EXCL), and rewrites it every few seconds while
it lives.

A killed run leaves that file behind. The next one takes it over: at once if the file names a process of this machine
that has ended, and otherwise after watching it long enough to know that nobody rewrites it any more.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from pathlib import Path
from typing import Any

from edgewbc.errors import UserError
from edgewbc.lab.journal_errors import another

BEAT = 2.0
"""Seconds after which a writer rewrites its lock file."""

BEATS = 3
"""Beats for which the lock file of an unknown writer must not change until it counts as left behind."""


class WriterLock:
    """The lock of one writer; held until `release`.

    Attributes:
        path: of the lock file.
        lost: why another run may have the journal now; empty while this one has it.
    """

    def __init__(self, journal: Path) -> None:
        """Take the lock.

        Raises:
            UserError: another run has it.
            OSError: the file cannot be created.
        """
        self.path = journal.with_name(f"{journal.name}.lock")
        self.lost = ""
        self._journal = journal
        self._token = secrets.token_hex(8)
        self._beats = 0
        if not self._create() and not (self._is_left_behind() and self._take_over()):
            raise UserError(
                f"{journal}: another edgewbc is writing it: wait until that has ended, or {another(journal)}"
                f"{_described(_read(self.path))}"
            )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="edgewbc-lock", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise UserError if the lock file is no longer that of this run."""
        if not self.lost and _parse(_read(self.path)).get("token") != self._token:
            self.lost = f"{self.path} was replaced or removed"
        if self.lost:
            raise UserError(
                f"{self._journal}: another run may be writing it ({self.lost}); this run has ended: "
                "run the same command again to resume"
            )

    def release(self) -> None:
        """Remove the lock file, unless it is another run's."""
        self._stop.set()
        self._thread.join()
        try:
            if _parse(_read(self.path)).get("token") == self._token:
                self.path.unlink()
        except OSError:
            pass  # the next run takes it over

    def _create(self) -> bool:
        """Create the lock file; return False if it exists."""
        try:
            descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return False
        try:
            os.write(descriptor, self._content())
            os.close(descriptor)
        except OSError:
            os.close(descriptor)
            self.path.unlink(missing_ok=True)
            raise
        return True

    def _content(self) -> bytes:
        """Return what the lock file holds, always of the same length: it is rewritten in place."""
        owner = {"token": self._token, "host": socket.gethostname(), "pid": os.getpid()}
        process = {"machine": _machine(), "started": _started(os.getpid())}
        return json.dumps({**owner, **process, "beat": f"{self._beats:012}"}).encode() + b"\n"

    def _beat(self) -> None:
        while not self._stop.wait(BEAT):
            self._beats += 1
            try:
                found = _read(self.path)
                if found and _parse(found).get("token") != self._token:
                    self.lost = f"{self.path} was replaced"
                    return
                descriptor = os.open(self.path, os.O_WRONLY)
                try:
                    os.write(descriptor, self._content())
                finally:
                    os.close(descriptor)  # only now does another client of a share see it
            except FileNotFoundError:
                self.lost = f"{self.path} was removed"
                return
            except OSError:
                continue  # a share that is away for a moment

    def _is_left_behind(self) -> bool:
        """Return whether the writer of the existing lock file has ended."""
        self._seen = _read(self.path)
        owner = _parse(self._seen)
        if owner.get("machine") and owner["machine"] == _machine():
            return not _is_running(owner.get("pid"), owner.get("started"))
        end = time.monotonic() + BEATS * BEAT
        while time.monotonic() < end:
            time.sleep(BEAT / 8)
            if _read(self.path) != self._seen:
                return False
        return True

    def _take_over(self) -> bool:
        """Replace a lock file that was left behind; return False if another run was faster."""
        aside = self.path.with_name(f"{self.path.name}.{self._token}")
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return self._create()
        if _read(aside) != self._seen:  # somebody took it over in between, and this is theirs
            if not self.path.exists():
                aside.rename(self.path)
            return False
        aside.unlink()
        return self._create()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""


def _parse(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _described(content: bytes) -> str:
    owner = _parse(content)
    return f" (it is process {owner['pid']} on {owner['host']})" if {"pid", "host"} <= owner.keys() else ""


def _machine() -> str:
    """Return what identifies this machine since it started, and its process numbers; empty if that is unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _is_running(pid: object, started: object) -> bool:
    """Return whether a process of this machine still runs."""
    if not isinstance(pid, int) or pid < 1:
        return False
    try:
        os.kill(pid, 0)  # sends nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # another user's
    now = _started(pid)
    return now != "" and (now == started or not started)


def _started(pid: int) -> str:
    """Return when a process started, in clock ticks; empty if it has ended, or the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if status[0] in "ZX" else status[19]
    except (OSError, IndexError):
        return ""
