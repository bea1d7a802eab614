"""Read the journal of a case without opening it for writing: while its review page is open, or on read-only media."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edgewbc.errors import UserError
from edgewbc.lab import journal_review
from edgewbc.lab.journal import current_rows
from edgewbc.lab.journal_errors import explained
from edgewbc.lab.journal_review import Decision, SignOff
from edgewbc.lab.journal_schema import APPLICATION, VERSION, is_altered
from edgewbc.lab.results import ResultRow

T = TypeVar("T")

TRIES = 5
"""Copies that are made until one was not written to meanwhile."""


@dataclass(frozen=True)
class CaseRecords:
    """What the journal of a case holds.

    Attributes:
        results: the cells with the ids of their rows.
        decisions: in the order in which they were made.
        sign_offs: in that order.
    """

    results: Sequence[tuple[int, ResultRow]]
    decisions: Sequence[Decision]
    sign_offs: Sequence[SignOff]


def read_records(journal: Path) -> CaseRecords:
    """Return what a journal holds.

    Raises:
        UserError: it cannot be read, is of another version, or a row of it was altered.
    """

    def records(database: sqlite3.Connection) -> CaseRecords:
        if problem := next(iter(journal_review.problems(database)), ""):
            raise UserError(f"{journal}: {problem}: run `edgewbc verify {journal.parent}`")
        return CaseRecords(
            list(current_rows(database, journal)),
            list(journal_review.decisions(database)),
            list(journal_review.sign_offs(database)),
        )

    return with_copy(journal, records)


def read_problems(journal: Path) -> list[str]:
    """Return a line for each row of a journal that was altered; empty if all is intact. Raises as `read_records`."""

    def problems(database: sqlite3.Connection) -> list[str]:
        tables = ["its tables were altered"] if is_altered(database) else []
        return [*tables, *journal_review.problems(database)]

    return with_copy(journal, problems)


def with_copy(journal: Path, read: Callable[[sqlite3.Connection], T]) -> T:
    """Copy a journal with its write-ahead log, and return what is read from the copy.

    If a process writes the journal while it is copied, it is copied again.

    Args:
        journal: of a case that this process has not open: closing a file would release its lock on it.
        read: is given a connection to the copy.

    Raises:
        UserError: the journal cannot be read, is not a journal of the present version, or is written all the time.
    """
    log = journal.with_name(f"{journal.name}-wal")
    for attempt in range(TRIES):
        with tempfile.TemporaryDirectory(prefix="edgewbc-") as folder, explained(journal):
            before = _state(journal, log)
            for file in (journal, log):
                if file.is_file():
                    shutil.copyfile(file, Path(folder) / file.name)
            if _state(journal, log) == before:
                database = sqlite3.connect(Path(folder) / journal.name, isolation_level=None)
                try:
                    _check(database, journal)
                    return read(database)
                finally:
                    database.close()
        time.sleep(0.05 * (attempt + 1))
    raise UserError(f"{journal}: is written all the time: run the same command again")


def _state(*files: Path) -> list[tuple[int, int]]:
    found = []
    for file in files:
        try:
            stat = file.stat()
            found.append((stat.st_size, stat.st_mtime_ns))
        except FileNotFoundError:
            found.append((0, 0))
    return found


def _check(database: sqlite3.Connection, journal: Path) -> None:
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION or version != VERSION:
        raise UserError(f"{journal}: is not a journal of version {VERSION}: upgrade edgewbc, or count again")
