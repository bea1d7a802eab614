"""Errors of a journal as one line that names the file and says what to do."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.lab import journal_errors
from edgewbc.lab.journal_errors import advice, another, damaged, explained, name_of, short

CELLS = Path("cells.csv.journal")


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("SQLITE_FULL", "", "the disk is full; every result so far is kept: free some space and run the same command"),
        ("SQLITE_READONLY_DIRECTORY", "", "cannot be written here: name a file in another folder with --journal"),
        ("SQLITE_CANTOPEN", "", "cannot be written here"),
        (
            "SQLITE_NOTADB",
            "file is not a database",
            "is not a journal, or is damaged: name another file with --journal",
        ),
        ("", "no such table: about", "is not a journal, or is damaged"),
        ("", "Could not decode to UTF-8", "is not a journal, or is damaged"),
        ("SQLITE_IOERR_WRITE", "disk I/O\nerror", "cannot be written: disk I/O error; every result so far is kept"),
    ],
)
def test_advice_by_code(code: str, text: str, expected: str) -> None:
    """SQLite's code decides, and its text where there is none; the advice is one line."""
    found = advice(code, sqlite3.Error(text), CELLS)
    assert found.startswith(expected)
    assert "\n" not in found


def test_a_busy_journal_is_another_command_or_a_disk_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite reports both as busy: whether files there can be locked is tried."""
    busy = "another edgewbc is writing it: wait until that has ended, or name another file with --journal"
    assert advice("SQLITE_BUSY", sqlite3.Error(), tmp_path / "a.journal") == busy
    assert advice("SQLITE_LOCKED_SHAREDCACHE", sqlite3.Error(), None) == busy
    monkeypatch.setattr(journal_errors, "_locks_work", lambda folder: False)
    found = advice("SQLITE_BUSY", sqlite3.Error(), tmp_path / "a.journal")
    assert found == "this disk or network share cannot lock files: name a file on a local disk with --journal"


def test_a_network_share_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the errors that say that there are no locks count; a local disk has them."""
    fcntl = pytest.importorskip("fcntl")
    assert journal_errors._locks_work(tmp_path)
    for code, works in ((errno.ENOLCK, False), (errno.EOPNOTSUPP, False), (errno.EAGAIN, True)):

        def refuse(file: object, kind: int, code: int = code) -> None:
            raise OSError(code, "no")

        monkeypatch.setattr(fcntl, "lockf", refuse)
        assert journal_errors._locks_work(tmp_path) is works


def test_a_case_names_its_folder_instead() -> None:
    """Its journal is chosen with the folder, so another one is too."""
    assert another(Path("case") / journal_errors.OF_CASE) == "count into another folder with --to"
    assert another(None) == another(CELLS) == "name another file with --journal"


def test_names_of_journals() -> None:
    """A temporary journal has no file."""
    assert (name_of(None), name_of(CELLS)) == ("the temporary journal", "cells.csv.journal")
    assert str(damaged(None, "a\nb")) == "the temporary journal: is damaged (a b): name another file with --journal"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (sqlite3.OperationalError("locked"), "cells.csv.journal: cannot be written: locked; every result so far"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), "cells.csv.journal: is damaged (text that is not UTF-8)"),
        (OSError(errno.ENOSPC, "No space left on device"), "cells.csv.journal: cannot be written: No space left"),
    ],
)
def test_errors_within_the_block(error: Exception, expected: str) -> None:
    """SQLite's, the system's and those of decoding become a UserError; any other is a bug, and stays."""
    with pytest.raises(UserError) as caught, explained(CELLS):
        raise error
    assert str(caught.value).startswith(expected)
    with pytest.raises(ZeroDivisionError), explained(CELLS):
        raise ZeroDivisionError


def test_long_texts_are_shortened() -> None:
    """On one line, at most as many characters as asked for."""
    assert short("a\n b") == "a b"
    assert short("x" * 24) == "x" * 24
    assert short("x" * 25) == "x" * 16 + "..."
    assert len(short("x" * 100, 80)) == 75
