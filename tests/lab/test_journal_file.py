"""The file of a journal: what is refused, one writer, a full disk, damage, and journals of version 1."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgewbc.errors import UserError
from edgewbc.images.files import FileVersion
from edgewbc.lab.journal import Journal
from tests.lab.test_journal import ONE, SETTINGS, good


def test_other_settings_are_refused(tmp_path: Path) -> None:
    """A journal of another model is not continued: one line says what differs and what to do; nothing is added."""
    with Journal(tmp_path / "j", SETTINGS) as journal:
        journal.add(good("a.png"), ONE, "aa")
    for name, value in (("model_sha256", "00" * 32), ("classes", ["a", "b"]), ("review_below", 0.75)):
        with pytest.raises(UserError, match=f"another model or other settings .{name} was .*--journal, or delete") as e:
            Journal(tmp_path / "j", {**SETTINGS, name: value})
        assert "\n" not in str(e.value)
    database = sqlite3.connect(tmp_path / "j")
    assert database.execute("SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM results)").fetchone() == (1, 1)
    database.close()


def test_files_that_are_not_journals_are_refused(tmp_path: Path) -> None:
    """Text, another program's database, a newer journal, a folder, a file used as a folder: one line each."""
    (tmp_path / "text").write_text("path,label\n" * 200)
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE t (x)")
    other.commit()
    other.close()
    Journal(tmp_path / "newer", SETTINGS).close()
    newer = sqlite3.connect(tmp_path / "newer")
    newer.execute("PRAGMA user_version = 3")
    newer.close()
    (tmp_path / "folder").mkdir()
    for name, reason in (
        ("text", "is not a journal, or is damaged"),
        ("other", "is not a journal of edgewbc"),
        (
            "newer",
            "is a journal of version 3, and this edgewbc reads up to version 2: upgrade edgewbc",
        ),
        ("folder", "cannot be written here"),
        ("text/j", "cannot be written: "),
    ):
        with pytest.raises(UserError, match=f"{name}: {reason}") as e:
            Journal(tmp_path / name, SETTINGS)
        assert "\n" not in str(e.value)
    assert (tmp_path / "text").read_text() == "path,label\n" * 200
    (tmp_path / "empty").touch()
    Journal(tmp_path / "empty", SETTINGS).close()


HOLD = """
import sys
from dataclasses import replace
from pathlib import Path
from edgewbc.images.files import FileVersion
from edgewbc.lab.journal import Journal
from edgewbc.lab.results import ResultRow
settings = {"model_sha256": "ff" * 32, "classes": ["neutrophil", "lymphocyte"], "review_below": 0.5}
journal = Journal(Path(sys.argv[1]), settings)
for n in range(50):
    row = ResultRow(f"{n}.png", "neutrophil", 0.75, {"neutrophil": 0.75, "lymphocyte": 0.25})
    journal.add(row, FileVersion(1, n, 3, 4), "aa")
print("ready", flush=True)
sys.stdin.read()
"""


def test_one_writer_and_no_stale_lock(tmp_path: Path) -> None:
    """While another process writes it, it is refused in one line; if that process is killed, nothing stays locked."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "j"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        with pytest.raises(UserError, match="j: another edgewbc is writing it: wait"):
            Journal(tmp_path / "j", SETTINGS)
        other.kill()
    with Journal(tmp_path / "j", SETTINGS) as journal:
        assert all(journal.has(f"{n}.png", FileVersion(1, n, 3, 4)) for n in range(50))
        with pytest.raises(UserError, match="another edgewbc is writing it"):
            Journal(tmp_path / "j", SETTINGS)


@pytest.mark.skipif(os.name == "nt", reason="locks files by other means")
def test_a_disk_without_locks_is_not_taken_for_another_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite reports ENOLCK as a held lock; the message says that this disk cannot lock files."""
    import fcntl

    def no_locks(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    Journal(tmp_path / "j", SETTINGS).close()
    other = sqlite3.connect(tmp_path / "j")
    other.execute("BEGIN EXCLUSIVE")  # so that opening fails with SQLITE_BUSY, as it does after ENOLCK
    monkeypatch.setattr(fcntl, "lockf", no_locks)
    with pytest.raises(UserError, match="j: this disk or network share cannot lock files: name a file on a local"):
        Journal(tmp_path / "j", SETTINGS)
    other.close()


def test_a_disk_that_refuses_the_write_ahead_log_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite answers with another mode and no error, also when a write failed just then; that is one line."""

    class NoLog(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return super().execute(sql.replace("= WAL", "= DELETE"), *values)

    with Journal(tmp_path / "log", SETTINGS) as journal:
        assert journal._file.database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert journal._file.database.execute("PRAGMA synchronous").fetchone() == (1,)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, factory=NoLog, **k))
    with pytest.raises(UserError, match="none: this disk or network share failed or cannot keep a write-ahead log"):
        Journal(tmp_path / "none", SETTINGS)


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    """When no space is left, the message says so; earlier results are kept, and with space the journal continues."""
    path = tmp_path / "j"
    done = 0
    with Journal(path, SETTINGS) as journal:
        journal._file.database.execute("PRAGMA max_page_count = 30")

        def fill() -> None:
            nonlocal done
            for n in range(10_000):
                journal.add(good(f"{n:0200}.png"), ONE, "aa")
                done = n + 1

        with pytest.raises(UserError, match="j: the disk is full; every result so far is kept: free some space") as e:
            fill()
        assert "\n" not in str(e.value)
    assert done > 20
    with Journal(path, SETTINGS) as journal:
        assert sum(len(journal.cells(f"{n:0200}.png")) for n in range(10_000)) == done
        journal.add(good(f"{done:0200}.png"), ONE, "aa")


def test_after_a_flush_the_file_is_complete(tmp_path: Path) -> None:
    """After `flush`, the file alone holds every result, without its write-ahead log."""
    journal = Journal(tmp_path / "j", SETTINGS)
    journal.add(good("a.png"), ONE, "aa")
    journal.flush()
    (tmp_path / "copy").write_bytes((tmp_path / "j").read_bytes())
    journal.close()
    with Journal(tmp_path / "copy", SETTINGS) as copy:
        assert copy.has("a.png", ONE)


def test_a_temporary_journal_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path, results are kept while it is open, and no file is left."""
    monkeypatch.chdir(tmp_path)
    with Journal(None, SETTINGS) as journal:
        journal.add(good("a.png"), ONE, "aa")
        journal.flush()
        assert journal.cells("a.png") == [good("a.png")]
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_refused_at_opening(tmp_path: Path) -> None:
    """A broken page, and a changed row near the end, are noticed before anything is added."""
    path = tmp_path / "j"
    with Journal(path, SETTINGS) as journal:
        for n in range(200):
            journal.add(good(f"{n}.png"), ONE, "aa")
    whole = path.read_bytes()
    index = whole.rindex(b"neutrophil")
    path.write_bytes(whole[:index] + b"lymphocyte" + whole[index + 10 :])
    with pytest.raises(UserError, match=r"j: is damaged \(result \d+ was altered\): name another file with --journal"):
        Journal(path, SETTINGS)
    path.write_bytes(whole[:8192] + bytes(8192) + whole[16384:])
    with pytest.raises(UserError, match="j: is (not a journal, or is )?damaged"):
        Journal(path, SETTINGS)
