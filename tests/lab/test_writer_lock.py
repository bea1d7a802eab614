"""The lock file of a journal: one writer, taken over after a kill, also where the system's locks do not work."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgewbc.errors import UserError
from edgewbc.lab import writer_lock
from edgewbc.lab.writer_lock import WriterLock

NO_LOCKS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
static int grant(const char *name, int file, int command, void *argument) {
  if (command == F_GETLK) ((struct flock *)argument)->l_type = F_UNLCK;
  if (command == F_SETLK || command == F_SETLKW || command == F_GETLK) return 0;
  return ((int (*)(int, int, void *))dlsym(RTLD_NEXT, name))(file, command, argument);
}
#define WRAP(name) int name(int file, int command, ...) { va_list rest; va_start(rest, command); \\
  void *argument = va_arg(rest, void *); va_end(rest); return grant(#name, file, command, argument); }
WRAP(fcntl)
WRAP(fcntl64)
"""
"""Grants every lock to everyone, as some network shares do."""

WRITE = """
import sys
from pathlib import Path
from edgewbc.errors import UserError
from edgewbc.images.files import FileVersion
from edgewbc.lab.journal import Journal
from edgewbc.lab.results import ResultRow
try:
    with Journal(Path(sys.argv[1]), {"model_sha256": "ff", "classes": ["a"]}) as journal:
        for n in range(400):
            journal.add(ResultRow(f"{sys.argv[2]}-{n}.png", "a", 1.0, {"a": 1.0}), FileVersion(1, n, 3, 4), "aa")
            if n % 50 == 0:
                journal.flush()
except UserError as error:
    print(error)
    sys.exit(2)
"""


def record(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    """A second lock is refused in one line that names the process; after the release the file is gone."""
    lock = WriterLock(tmp_path / "j")
    with pytest.raises(UserError, match=rf"j: another edgewbc is writing it: wait .*process {os.getpid()} on ") as e:
        WriterLock(tmp_path / "j")
    assert "\n" not in str(e.value)
    lock.release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell which processes run")
def test_the_lock_of_a_killed_process_is_taken_over_at_once(tmp_path: Path) -> None:
    """Also where its number belongs to another process by now."""
    lock = WriterLock(tmp_path / "j")
    left = record(lock.path)
    lock.release()
    for change in ({"pid": 2**22 + 5}, {"pid": os.getpid(), "started": "1"}, {"pid": "x"}, {"pid": -1}):
        lock.path.write_text(json.dumps({**left, "token": "old", **change}))
        begun = time.monotonic()
        again = WriterLock(tmp_path / "j")
        assert time.monotonic() - begun < 1
        again.check()
        again.release()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"machine": "another", "pid": 1, "host": "pc2"}'])
def test_an_unknown_lock_is_taken_over_when_nobody_rewrites_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """Of another PC, or cut by a power failure: it is watched for some beats first."""
    monkeypatch.setattr(writer_lock, "BEAT", 0.1)
    (tmp_path / "j.lock").write_bytes(content)
    begun = time.monotonic()
    lock = WriterLock(tmp_path / "j")
    assert time.monotonic() - begun >= 3 * 0.1
    lock.release()


def test_a_writer_on_another_machine_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock file changes while it is watched."""
    monkeypatch.setattr(writer_lock, "BEAT", 0.1)
    machine = writer_lock._machine
    monkeypatch.setattr(writer_lock, "_machine", lambda: "another")
    lock = WriterLock(tmp_path / "j")
    monkeypatch.setattr(writer_lock, "_machine", machine)
    time.sleep(0.05)
    with pytest.raises(UserError, match="another edgewbc is writing it"):
        WriterLock(tmp_path / "j")
    lock.check()
    lock.release()


def test_a_writer_that_lost_its_lock_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If its file was replaced or removed (a PC that slept), it ends in one line and leaves the other's file."""
    monkeypatch.setattr(writer_lock, "BEAT", 0.05)
    for content in (None, '{"token": "other"}'):
        lock = WriterLock(tmp_path / "j")
        lock.path.unlink() if content is None else lock.path.write_text(content)
        with pytest.raises(UserError, match="j: another run may be writing it .*run the same command again to resume"):
            lock.check()
        lock.release()
        assert lock.path.exists() == (content is not None)


@pytest.mark.skipif(not sys.platform.startswith("linux") or not shutil.which("gcc"), reason="needs gcc and Linux")
def test_two_runs_on_a_share_without_locks(tmp_path: Path) -> None:
    """Where the system grants every lock to everyone, one of two runs is refused, and the journal is whole."""
    (tmp_path / "no.c").write_text(NO_LOCKS)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "no.so", "no.c", "-ldl"], cwd=tmp_path, check=True)  # noqa: S607
    environment = {**os.environ, "LD_PRELOAD": str(tmp_path / "no.so")}
    for attempt in range(10):
        path = tmp_path / f"{attempt}.journal"
        runs = [
            subprocess.Popen(
                [sys.executable, "-c", WRITE, path, name], env=environment, stdout=subprocess.PIPE, text=True
            )
            for name in "ab"
        ]
        said = [run.communicate(timeout=60)[0] for run in runs]
        codes = [run.returncode for run in runs]
        assert codes in ([0, 2], [2, 0], [0, 0]), said  # both only if one began after the other had ended
        database = sqlite3.connect(path)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*) FROM results").fetchone() == (400 * codes.count(0),)
        database.close()
