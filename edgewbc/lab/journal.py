"""The journal: an append-only SQLite file that keeps every result as it is made, so that a run can be resumed.

It records which bytes gave which result, when, by which model and which edgewbc, and what people decided about it. When
an image changed and was classified again, the earlier result stays. `sqlite3 cells.csv.journal "select * from current"`
reads it without this program; the tables are described in `journal_schema`.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgewbc.errors import UserError
from edgewbc.images.discover import inside, is_url
from edgewbc.images.files import FileVersion
from edgewbc.lab import journal_review
from edgewbc.lab.journal_errors import damaged
from edgewbc.lab.journal_file import JournalFile, Settings
from edgewbc.lab.journal_review import Decision, Shown, SignOff
from edgewbc.lab.journal_schema import RESULT_COLUMNS, checksum, to_json
from edgewbc.lab.results import ResultRow, Status
from edgewbc.utils.text import utc_now

if TYPE_CHECKING:
    from edgewbc.runtime.predictor import ModelInfo

_LATEST = f"{journal_review.RESULTS} WHERE path = ? AND reading = (SELECT max(reading) FROM results WHERE path = ?)"  # noqa: S608
_MARKS = ", ".join("?" * (len(RESULT_COLUMNS) + 2))
_INSERT = f"INSERT INTO results (id, {', '.join(RESULT_COLUMNS)}, checksum) VALUES ({_MARKS})"  # noqa: S608


class Reading(NamedTuple):
    """What one reading of an image file gave.

    Attributes:
        rows: one per cell, at least one, all of the same path.
        version: of the file that was read.
        sha256: of the bytes that were read; empty if the file could not be read.
    """

    rows: Sequence[ResultRow]
    version: FileVersion
    sha256: str


class Journal:
    """A journal opened for writing; no other process can open it meanwhile.

    Attributes:
        path: the file; None for a temporary journal that is deleted when it is closed.
    """

    def __init__(self, path: Path | None, settings: Settings, engine: ModelInfo | None = None) -> None:
        """Open a journal, or create one. A version 1 journal is upgraded in one transaction.

        Args:
            path: of the file; missing folders are created. None keeps the results in a temporary file without a name:
                memory stays bounded for any number of images, and nothing is left behind.
            settings: everything that determines a result, as JSON values; includes `model_sha256` and `classes`. Or a
                function that returns them: it is given those that the journal holds, None for a new one.
            engine: that classifies, for the record.

        Raises:
            SettingsMismatch: the file was made with other settings.
            UserError: the file is not a journal, is damaged, of a newer version, in use, or cannot be written.
        """
        self.path = path
        self._file = JournalFile(path, settings, {} if engine is None else engine.to_json())
        known = self._file.settings
        self._sha256, self._classes = str(known["model_sha256"]), [str(name) for name in known["classes"]]

    def add(self, row: ResultRow, version: FileVersion, sha256: str) -> None:
        """Record the result of an image that is one cell; see `add_cells`."""
        self.add_cells([row], version, sha256)

    def add_cells(self, rows: Sequence[ResultRow], version: FileVersion, sha256: str) -> None:
        """Record the results for all cells of one reading of an image file; see `Reading` and `add_all`."""
        self.add_all([Reading(rows, version, sha256)])

    def add_all(self, readings: Sequence[Reading]) -> None:
        """Record the results of several readings, all or none. They survive a kill once this returns.

        Raises:
            ValueError: a reading has no rows, or rows of several paths.
            UserError: they cannot be written (the disk is full).
        """
        for reading in readings:
            if len({row.path for row in reading.rows}) != 1:
                raise ValueError("results of one reading need at least one row, all of one path")
        self._file.check_lock()
        with self._file.errors(), self._file.transaction() as execute:
            number = execute("SELECT coalesce(max(id), 0) FROM results").fetchone()[0]
            self._file.database.executemany(_INSERT, self._all_values(readings, number))
        self._file.flush_if_due()

    def _all_values(self, readings: Iterable[Reading], last: int) -> Iterator[tuple[Any, ...]]:
        """Yield what is stored of each row, given the id of the last row of the journal."""
        now = utc_now()
        for rows, version, sha256 in readings:
            path, reading = key(rows[0].path), last + 1
            file = (version.size, version.mtime_ns, version.ctime_ns, version.inode, sha256)
            for row in rows:
                last += 1
                probabilities = [row.probabilities[name] for name in self._classes] if row.probabilities else []
                box = None if row.box is None else to_json([float(value) for value in row.box])
                best = None if row.probability is None else float(row.probability)
                result = (str(row.status), row.label, best, to_json(probabilities), row.reason)
                at = row.classified_at or now
                values = (last, self._file.run, reading, at, path, row.cell, box, *file, *result)
                yield (*values, checksum(values))

    def has(self, name: str, version: FileVersion) -> bool:
        """Return whether this version of a file was certainly read and has a result (which may be an error)."""
        found = self._latest(name)
        return found is not None and version.certain and found[0] == version and found[1] != ""

    def sha256(self, name: str, size: int) -> str:
        """Return the hash of a file's bytes at its latest reading; empty if it was not read, or had another size."""
        found = self._latest(name)
        return found[1] if found is not None and found[0].size == size else ""

    def was_read(self, name: str) -> bool:
        """Return whether the latest reading of an image got its bytes, whatever they were."""
        found = self._latest(name)
        return found is not None and found[1] != ""

    def _latest(self, name: str) -> tuple[FileVersion, str] | None:
        """Return the version and the hash of a file at its latest reading."""
        with self._file.errors():
            found = self._file.database.execute(
                "SELECT size, mtime_ns, ctime_ns, inode, sha256 FROM results WHERE path = ?"
                " ORDER BY reading DESC LIMIT 1",
                (key(name),),
            ).fetchone()
        return None if found is None else (FileVersion(*found[:4]), found[4])

    @property
    def is_empty(self) -> bool:
        """Whether there is no result yet."""
        with self._file.errors():
            return self._file.database.execute("SELECT 1 FROM results LIMIT 1").fetchone() is None

    def holds(self, name: str) -> bool:
        """Return whether any version of a file has a result."""
        with self._file.errors():
            found = self._file.database.execute("SELECT 1 FROM results WHERE path = ? LIMIT 1", (key(name),)).fetchone()
        return found is not None

    def cells(self, name: str) -> list[ResultRow]:
        """Return the results of the latest reading of a file, by cell number, under the name given; empty if none.

        Raises:
            UserError: a row does not match its checksum, or the file cannot be read.
        """
        return [row for _, row in self.numbered_cells(name)]

    def numbered_cells(self, name: str) -> list[tuple[int, ResultRow]]:
        """Return what `cells` does, each with the id of its row.

        Raises:
            UserError: a row does not match its checksum, or the file cannot be read.
        """
        path = key(name)
        with self._file.errors():
            found = self._file.database.execute(f"{_LATEST} ORDER BY cell", (path, path)).fetchall()
        for values in found:
            if not journal_review.is_intact(values):
                raise damaged(self.path, f"result {values[0]} was altered")
        return [(values[0], self._row(name, dict(zip(RESULT_COLUMNS, values[1:], strict=False)))) for values in found]

    def rows(self, names: Iterable[str]) -> Iterator[ResultRow]:
        """Yield the latest results of files in the order given, one file in memory at a time.

        Raises:
            UserError: a file has no result, or as `cells`.
        """
        for name in names:
            yield from self.cells_of(name)

    def cells_of(self, name: str) -> list[ResultRow]:
        """Return what `cells` does, of a file that has a result.

        Raises:
            UserError: it has none, or as `cells`.
        """
        found = self.cells(name)
        if not found:
            raise damaged(self.path, f"it has no result for {name}")
        return found

    def names(self, folder: str) -> Iterator[str]:
        """Return the files in a folder and its subfolders that have a result, in the order of their first result.

        Names are as a search of `folder` would give them: relative if `folder` is.
        """
        top = key(folder)
        prefix = top if top.endswith(_SEPARATOR) else top + _SEPARATOR
        with self._file.errors():
            found = self._file.database.execute(
                "SELECT path FROM results WHERE substr(path, 1, ?) = ? GROUP BY path ORDER BY min(id)",
                (len(prefix), prefix),
            )
            for (path,) in found:
                yield inside(folder, os.fsdecode(path[len(prefix) :]))

    def decide(self, name: str, who: str, new: str, why: str = "", cell: int = 0) -> Decision:
        """Record that a person changed the value of a cell, such as its label; the old value is looked up.

        Args:
            name: of the image file.
            who: the person.
            new: the new value.
            why: the reason, in the person's words.
            cell: its number in the image; 0 is the whole image.

        Raises:
            UserError: the journal has no such cell, or cannot be written.
        """
        with self._file.errors(), self._file.transaction():
            decision = journal_review.add_decision(self._file.database, utc_now(), who, key(name), cell, new, why)
            if decision is None:
                raise UserError(f"{self._file.name}: has no result for cell {cell} of {name}: classify the image first")
        self.flush()  # what is left in the write-ahead log is lost without a word if a bit of it flips
        return decision

    def decide_all(self, results: Sequence[tuple[int, str]], who: str, why: str = "") -> list[Decision]:
        """Record a person's decisions on several cells in one transaction: all of them, or none.

        Args:
            results: id of each cell's result row (see `current`), and the new value.
            who: the person.
            why: the reason, in the person's words.

        Raises:
            UserError: the journal has no such result, or cannot be written.
        """
        at = utc_now()
        with self._file.errors(), self._file.transaction():
            made = []
            for number, new in results:
                decision = journal_review.add_decision_on(self._file.database, at, who, number, new, why)
                if decision is None:
                    raise UserError(f"{self._file.name}: has no result {number}")
                made.append(decision)
        self.flush()
        return made

    def current(self) -> list[tuple[int, ResultRow]]:
        """Return the cells of the latest reading of each file with the ids of their rows, by id.

        Raises:
            UserError: a row does not match its checksum, or the file cannot be read.
        """
        with self._file.errors():
            return list(current_rows(self._file.database, self.path))

    def decisions(self, name: str | None = None) -> list[Decision]:
        """Return people's decisions on the cells of one file, or of all files, in the order they were made."""
        with self._file.errors():
            return list(journal_review.decisions(self._file.database, None if name is None else key(name)))

    def sign_off(self, who: str, seen: Shown, hashes: Mapping[str, str] | None = None) -> SignOff:
        """Record that a person signed all results and decisions so far.

        Args:
            who: the person.
            seen: what the person had before them.
            hashes: SHA-256 of what else was signed, by name, such as a report. Those of the results and decisions are
                added under `results` and `decisions`.

        Raises:
            UserError: it cannot be written.
        """
        with self._file.errors(), self._file.transaction():
            signed = journal_review.add_sign_off(self._file.database, utc_now(), who, seen, hashes or {})
        self.flush()
        return signed

    def sign_offs(self) -> list[SignOff]:
        """Return the sign-offs in the order they were made."""
        with self._file.errors():
            return list(journal_review.sign_offs(self._file.database))

    def verify(self) -> list[str]:
        """Check every checksum, hash chain and sign-off; return one line per mismatch, none if all is intact."""
        with self._file.errors():
            return list(journal_review.problems(self._file.database))

    def flush(self) -> None:
        """Write everything to the disk, so that a power cut loses nothing recorded so far.

        Raises:
            UserError: that failed, or another run took the journal.
        """
        self._file.flush()

    def close(self) -> None:
        """Write everything to the disk and release the file."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _row(self, name: str, row: Mapping[str, Any]) -> ResultRow:
        return _result_row(name, row, self._classes, self._sha256)


def current_rows(database: sqlite3.Connection, path: Path | None) -> Iterator[tuple[int, ResultRow]]:
    """Yield the cells of the latest reading of each file of a journal with the ids of their rows, by id.

    Args:
        database: connection to a journal of the present version.
        path: of the journal, for the error message.

    Raises:
        UserError: a row does not match its checksum.
    """
    known = {name: json.loads(value) for name, value in database.execute("SELECT name, value FROM about")}
    classes, sha256 = [str(name) for name in known["classes"]], str(known["model_sha256"])
    latest = "WHERE reading IN (SELECT max(reading) FROM results GROUP BY path) ORDER BY id"
    for values in database.execute(f"{journal_review.RESULTS} {latest}"):
        if not journal_review.is_intact(values):
            raise damaged(path, f"result {values[0]} was altered")
        row = dict(zip(RESULT_COLUMNS, values[1:], strict=False))
        yield int(values[0]), _result_row(os.fsdecode(row["path"]), row, classes, sha256)


def _result_row(name: str, row: Mapping[str, Any], classes: Sequence[str], sha256: str) -> ResultRow:
    by_class = dict(zip(classes, json.loads(row["probabilities"]), strict=False))
    box = None if row["box"] is None else tuple(json.loads(row["box"]))
    result = (name, row["label"], row["probability"], by_class, Status(row["status"]), row["reason"])
    return ResultRow(*result, sha256, row["cell"], box, row["sha256"], row["at"])


_SEPARATOR = os.fsencode(os.sep)


def key(name: str) -> bytes:
    """Return the bytes under which a journal stores a file: its absolute name, links not resolved; a URL as it is."""
    return os.fsencode(name if is_url(name) else os.path.abspath(name))  # noqa: PTH100
