"""Errors of a journal: SQLite's and the system's, as one line that names the file and says what to do."""

from __future__ import annotations

import errno
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgewbc.errors import UserError

OF_CASE = "case.journal"
"""Name of the journal of a case, which is chosen with its folder."""


def another(path: Path | None) -> str:
    """Return what to do where a journal cannot be used."""
    if path is not None and path.name == OF_CASE:
        return "count into another folder with --to"
    return "name another file with --journal"


def name_of(path: Path | None) -> str:
    """Return a journal's name in messages; None is a temporary one."""
    return "the temporary journal" if path is None else str(path)


def damaged(path: Path | None, problem: str) -> UserError:
    """Return the error for a journal with a problem."""
    return UserError(f"{name_of(path)}: is damaged ({short(problem, 80)}): {another(path)}")


@contextmanager
def explained(path: Path | None) -> Iterator[None]:
    """Turn errors of SQLite or the system within the block into a UserError."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "")
        raise UserError(f"{name_of(path)}: {advice(code, error, path)}") from None
    except UnicodeError:
        raise damaged(path, "text that is not UTF-8") from None
    except OSError as error:
        raise UserError(f"{name_of(path)}: cannot be written: {error.strerror or error}") from None


def advice(code: str, error: sqlite3.Error, path: Path | None) -> str:
    """Return what went wrong and what to do about it.

    Args:
        code: name of SQLite's error code; empty for an error that has none.
        error: of SQLite.
        path: of the journal; None for a temporary one.
    """
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR_LOCK")):
        if path is not None and not _locks_work(path.parent):
            return "this disk or network share cannot lock files: name a file on a local disk with --journal"
        return f"another edgewbc is writing it: wait until that has ended, or {another(path)}"
    if code == "SQLITE_FULL":
        return "the disk is full; every result so far is kept: free some space and run the same command again to resume"
    if code.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return "cannot be written here: name a file in another folder with --journal"
    text = " ".join(str(error).split())
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or text.startswith(("Could not decode", "no such")):
        return f"is not a journal, or is damaged: {another(path)}"
    return f"cannot be written: {text}; every result so far is kept: run the same command again to resume"


def _locks_work(folder: Path) -> bool:
    """Return whether files in a folder can be locked; SQLite reports ENOLCK as if another process held the lock.

    A new file is tried: closing the journal itself a second time would release the locks of this process on it.
    """
    try:
        import fcntl
    except ImportError:  # Windows locks by other means, and reports their absence as an I/O error
        return True
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
    return True


def short(text: str, most: int = 24) -> str:
    """Return a text as one line of at most `most` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 8]}..."
