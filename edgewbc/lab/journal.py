"""The journal: an append-only SQLite file that keeps every result as it is made, so that a run can be resumed.

It records which bytes gave which result, when, by which model and which edgewbc, and what people decided about it. When
an image changed and was classified again, the earlier result stays. `sqlite3 cells.csv.journal "select * from current"`
reads it without this program; the tables are described in `journal_schema`.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgewbc._version import __version__
from edgewbc.errors import UserError
from edgewbc.images.discover import inside
from edgewbc.images.files import FileVersion
from edgewbc.lab import journal_review
from edgewbc.lab.journal_review import Decision, SignOff
from edgewbc.lab.journal_schema import (
    APPLICATION,
    RESULT_COLUMNS,
    VERSION,
    checksum,
    create,
    is_altered,
    to_json,
    upgrade,
)
from edgewbc.lab.results import ResultRow, Status
from edgewbc.lab.writer_lock import WriterLock
from edgewbc.utils.text import utc_now

CHECKPOINT_SECONDS = 5.0
"""A power cut loses the results of about this many seconds at most; their images are classified again."""

CHECKED_AT_OPENING = 1000
"""Rows at the end of the journal whose checksums are compared at opening. A row's checksum is also compared whenever it
is used, and `Journal.verify` compares all."""

INDEX_CHECKED = 128 << 20
"""Bytes up to which opening also compares the index with the rows. (100,000 rows are 45 MB, and checking them takes
about a second; without the index, 0.8 s.) Larger journals have only their structure checked."""

_LATEST = f"{journal_review.RESULTS} WHERE path = ? AND reading = (SELECT max(reading) FROM results WHERE path = ?)"  # noqa: S608


class SettingsMismatch(UserError):
    """The journal was made with another model or other settings.

    Attributes:
        stored: the settings in the journal.
    """

    def __init__(self, message: str, stored: dict[str, Any]) -> None:
        super().__init__(message)
        self.stored = stored


class Journal:
    """A journal opened for writing; no other process can open it meanwhile.

    Attributes:
        path: the file; None for a temporary journal that is deleted when it is closed.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, Any], engine: Mapping[str, Any] | None = None) -> None:
        """Open a journal, or create one. A version 1 journal is upgraded in one transaction.

        Args:
            path: of the file; missing folders are created. None keeps the results in a temporary file without a name:
                memory stays bounded for any number of images, and nothing is left behind.
            settings: everything that determines a result, as JSON values; includes `model_sha256` and `classes`.
            engine: description of the inference engine (`ModelInfo.to_json`), for the record.

        Raises:
            SettingsMismatch: the file was made with other settings.
            UserError: the file is not a journal, is damaged, of a newer version, in use, or cannot be written.
        """
        self.path = path
        self._sha256, self._classes = str(settings["model_sha256"]), [str(name) for name in settings["classes"]]
        with self._errors():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = None if path is None else WriterLock(path)
        try:
            with self._errors():
                self._database = sqlite3.connect(path or "", timeout=0, isolation_level=None)
        except BaseException:
            self._release()
            raise
        try:
            with self._errors():
                self._open(settings)
                self._run = self._record_run(engine or {})
                if path is not None:
                    _flush_folder(path.parent)
        except BaseException:
            self._database.close()
            self._release()
            raise
        self._checkpointed = time.monotonic()

    def _open(self, settings: Mapping[str, Any]) -> None:
        execute = self._database.execute
        # SQLite keeps the operating system's lock on the file until it is closed, and the system releases it when the
        # process dies, however it dies: no lock file can be left behind. It also makes the write-ahead log work
        # without shared memory, which a network share does not offer.
        # The locks of some network shares are worth nothing, though: hence `WriterLock`.
        execute("PRAGMA locking_mode = EXCLUSIVE")
        # With a write-ahead log a result is one small append and survives a kill of the process. NORMAL flushes the log
        # to the disk at each checkpoint, not at each result; FULL would wait for the disk at every image. Where SQLite
        # cannot start such a log it answers with another mode and no error, also when the disk failed just then.
        (mode,) = execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal" and self.path is not None:
            raise UserError(
                f"{self._name}: this disk or network share failed or cannot keep a write-ahead log: run the same "
                "command again, or name a file on a local disk with --journal"
            )
        execute("PRAGMA synchronous = NORMAL")
        execute("BEGIN IMMEDIATE")
        (application,), (version,) = (
            execute("PRAGMA application_id").fetchone(),
            execute("PRAGMA user_version").fetchone(),
        )
        if not execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            create(self._database, settings)
        elif application != APPLICATION:
            raise UserError(f"{self._name}: is not a journal of edgewbc: name another file with --journal")
        elif version < 1:
            raise self._damaged(f"version {version}")
        elif version > VERSION:
            raise UserError(
                f"{self._name}: is a journal of version {version}, and this edgewbc reads up to version {VERSION}: "
                "upgrade edgewbc, or name another file with --journal"
            )
        else:
            self._check_intact(version)
            self._compare(settings)
            if version == 1:
                upgrade(self._database)
        execute("COMMIT")

    def _check_intact(self, version: int) -> None:
        """Check the file's structure, the checksums of its last rows, and what people entered."""
        size = 0 if self.path is None else self.path.stat().st_size
        check = "integrity_check" if size <= INDEX_CHECKED else "quick_check"
        problem = str(self._database.execute(f"PRAGMA {check}(1)").fetchone()[0])
        if problem == "ok" and version == VERSION:
            problem = next(self._problems(), "ok")
        if problem != "ok":
            raise self._damaged(problem)

    def _problems(self) -> Iterator[str]:
        """Yield what is wrong with a journal whose structure is sound, as far as that is quick to find out."""
        if is_altered(self._database):
            yield "its tables were altered"
        count, last = self._database.execute("SELECT count(*), coalesce(max(id), 0) FROM results").fetchone()
        if count != last:
            yield f"it has {count} of {last} results"
        row = journal_review.damaged_tail(self._database, CHECKED_AT_OPENING)
        if row is not None:
            yield f"result {row} was altered"
        yield from journal_review.broken_chains(self._database)

    def _damaged(self, problem: str) -> UserError:
        return UserError(f"{self._name}: is damaged ({_short(problem, 80)}): name another file with --journal")

    def _compare(self, settings: Mapping[str, Any]) -> None:
        stored = dict(self._database.execute("SELECT name, value FROM about"))
        for name, value in settings.items():
            if stored.get(name) != to_json(value):
                raise SettingsMismatch(
                    f"{self._name}: holds results of another model or other settings ({name} was "
                    f"{_short(str(stored.get(name, 'not set')))} and is {_short(to_json(value))}): "
                    "name another file with --journal, or delete this one",
                    {key: _from_json(text) for key, text in stored.items()},
                )

    def _record_run(self, engine: Mapping[str, Any]) -> int:
        values = (utc_now(), __version__, to_json(dict(engine)))
        cursor = self._database.execute("INSERT INTO runs (at, edgewbc, engine) VALUES (?, ?, ?)", values)
        return int(cursor.lastrowid or 0)

    def add(self, row: ResultRow, version: FileVersion, sha256: str) -> None:
        """Record the result of an image that is one cell; see `add_cells`."""
        self.add_cells([row], version, sha256)

    def add_cells(self, rows: Sequence[ResultRow], version: FileVersion, sha256: str) -> None:
        """Record the results for all cells of one reading of an image file. They survive a kill once this returns.

        Args:
            rows: one per cell, at least one, all of the same path.
            version: of the file that was read.
            sha256: of the bytes that were read; empty if the file could not be read.

        Raises:
            ValueError: no rows, or rows of several paths.
            UserError: they cannot be written (the disk is full).
        """
        if len({row.path for row in rows}) != 1:
            raise ValueError("results of one reading need at least one row, all of one path")
        if self._lock is not None and self._lock.lost:
            self._lock.check()
        with self._errors(), self._transaction(needed=len(rows) > 1) as execute:
            first = execute("SELECT coalesce(max(id), 0) + 1 FROM results").fetchone()[0]
            marks = ", ".join("?" * (len(RESULT_COLUMNS) + 2))
            for number, row in enumerate(rows, first):
                values = (number, self._run, first, utc_now(), key(row.path), *self._values(row, version, sha256))
                execute(
                    f"INSERT INTO results (id, {', '.join(RESULT_COLUMNS)}, checksum) VALUES ({marks})",  # noqa: S608
                    (*values, checksum(values)),
                )
        if time.monotonic() - self._checkpointed > CHECKPOINT_SECONDS:
            self.flush()

    def _values(self, row: ResultRow, version: FileVersion, sha256: str) -> tuple[Any, ...]:
        probabilities = [row.probabilities[name] for name in self._classes] if row.probabilities else []
        box = None if row.box is None else to_json([float(value) for value in row.box])
        best = None if row.probability is None else float(row.probability)
        file = (version.size, version.mtime_ns, version.ctime_ns, version.inode, sha256)
        return (row.cell, box, *file, str(row.status), row.label, best, to_json(probabilities), row.reason)

    def flush(self) -> None:
        """Write everything to the disk, so that a power cut loses nothing recorded so far.

        Raises:
            UserError: that failed, or another run took the journal.
        """
        if self._lock is not None:
            self._lock.check()
        with self._errors():
            (busy, *_) = self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise UserError(f"{self._name}: cannot be written: another program reads it; run the same command again")
        self._checkpointed = time.monotonic()

    def has(self, name: str, version: FileVersion) -> bool:
        """Return whether this version of a file was certainly read and has a result (which may be an error)."""
        found = self._latest(name)
        return found is not None and version.certain and found[0] == version and found[1] != ""

    def sha256(self, name: str, size: int) -> str:
        """Return the hash of a file's bytes at its latest reading; empty if it was not read, or had another size."""
        found = self._latest(name)
        return found[1] if found is not None and found[0].size == size else ""

    def _latest(self, name: str) -> tuple[FileVersion, str] | None:
        """Return the version and the hash of a file at its latest reading."""
        with self._errors():
            found = self._database.execute(
                "SELECT size, mtime_ns, ctime_ns, inode, sha256 FROM results WHERE path = ?"
                " ORDER BY reading DESC LIMIT 1",
                (key(name),),
            ).fetchone()
        return None if found is None else (FileVersion(*found[:4]), found[4])

    def holds(self, name: str) -> bool:
        """Return whether any version of a file has a result."""
        with self._errors():
            found = self._database.execute("SELECT 1 FROM results WHERE path = ? LIMIT 1", (key(name),)).fetchone()
        return found is not None

    def cells(self, name: str) -> list[ResultRow]:
        """Return the results of the latest reading of a file, by cell number, under the name given; empty if none.

        Raises:
            UserError: a row does not match its checksum, or the file cannot be read.
        """
        path = key(name)
        with self._errors():
            found = self._database.execute(f"{_LATEST} ORDER BY cell", (path, path)).fetchall()
        for values in found:
            if not journal_review.is_intact(values):
                raise self._damaged(f"result {values[0]} was altered")
        return [self._row(name, dict(zip(RESULT_COLUMNS, values[1:], strict=False))) for values in found]

    def rows(self, names: Iterable[str]) -> Iterator[ResultRow]:
        """Yield the latest results of files in the order given, one file in memory at a time.

        Raises:
            UserError: a file has no result, or as `cells`.
        """
        for name in names:
            found = self.cells(name)
            if not found:
                raise self._damaged(f"it has no result for {name}")
            yield from found

    def names(self, folder: str) -> Iterator[str]:
        """Return the files in a folder and its subfolders that have a result, in the order of their first result.

        Names are as a search of `folder` would give them: relative if `folder` is.
        """
        top = key(folder)
        prefix = top if top.endswith(_SEPARATOR) else top + _SEPARATOR
        with self._errors():
            found = self._database.execute(
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
        with self._errors(), self._transaction():
            decision = journal_review.add_decision(self._database, utc_now(), who, key(name), cell, new, why)
            if decision is None:
                raise UserError(f"{self._name}: has no result for cell {cell} of {name}: classify the image first")
        return decision

    def decisions(self, name: str | None = None) -> list[Decision]:
        """Return people's decisions on the cells of one file, or of all files, in the order they were made."""
        with self._errors():
            return list(journal_review.decisions(self._database, None if name is None else key(name)))

    def sign_off(self, who: str, seen: Mapping[str, Any], hashes: Mapping[str, str] | None = None) -> SignOff:
        """Record that a person signed all results and decisions so far.

        Args:
            who: the person.
            seen: what was on the screen, as JSON values.
            hashes: SHA-256 of what else was signed, by name, such as a report. Those of the results and decisions are
                added under `results` and `decisions`.

        Raises:
            UserError: it cannot be written.
        """
        with self._errors(), self._transaction():
            return journal_review.add_sign_off(self._database, utc_now(), who, seen, hashes or {})

    def sign_offs(self) -> list[SignOff]:
        """Return the sign-offs in the order they were made."""
        with self._errors():
            return list(journal_review.sign_offs(self._database))

    def verify(self) -> list[str]:
        """Check every checksum, hash chain and sign-off; return one line per mismatch, none if all is intact."""
        with self._errors():
            return list(journal_review.problems(self._database))

    def close(self) -> None:
        """Write everything to the disk and release the file."""
        try:
            with self._errors():
                self._database.close()
        finally:
            self._release()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _name(self) -> str:
        return "the temporary journal" if self.path is None else str(self.path)

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _row(self, name: str, row: Mapping[str, Any]) -> ResultRow:
        by_class = dict(zip(self._classes, json.loads(row["probabilities"]), strict=False))
        box = None if row["box"] is None else tuple(json.loads(row["box"]))
        result = (name, row["label"], row["probability"], by_class, Status(row["status"]), row["reason"])
        return ResultRow(*result, self._sha256, row["cell"], box, row["sha256"], row["at"])

    @contextmanager
    def _transaction(self, needed: bool = True) -> Iterator[Any]:
        """Commit at the end of the block, or roll back if it fails; a single statement needs none."""
        if not needed:
            yield self._database.execute
            return
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database.execute
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn errors of SQLite or the system into one line that says what to do."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorname", "")
            raise UserError(f"{self._name}: {_advice(code, error, self.path)}") from None
        except UnicodeError:
            raise self._damaged("text that is not UTF-8") from None
        except OSError as error:
            raise UserError(f"{self._name}: cannot be written: {error.strerror or error}") from None


_SEPARATOR = os.fsencode(os.sep)


def key(name: str) -> bytes:
    """Return the bytes under which a journal stores a file: its absolute name, links not resolved."""
    return os.fsencode(os.path.abspath(name))  # noqa: PTH100


def _flush_folder(folder: Path) -> None:
    """Write a folder's entries to the disk, so that a power cut loses no file just created; SQLite ignores errors here.

    Raises:
        OSError: the disk failed. (That this kind of disk or system flushes no folders is not an error.)
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno == errno.EIO:
            raise
    finally:
        os.close(descriptor)


def _advice(code: str, error: sqlite3.Error, path: Path | None) -> str:
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR_LOCK")):
        if path is not None and not _locks_work(path.parent):
            return "this disk or network share cannot lock files: name a file on a local disk with --journal"
        return "another edgewbc is writing it: wait until that has ended, or name another file with --journal"
    if code == "SQLITE_FULL":
        return "the disk is full; every result so far is kept: free some space and run the same command again to resume"
    if code.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return "cannot be written here: name a file in another folder with --journal"
    text = " ".join(str(error).split())
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or text.startswith(("Could not decode", "no such")):
        return "is not a journal, or is damaged: name another file with --journal"
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


def _from_json(text: object) -> Any:
    """Return a stored setting; None if it is damaged."""
    try:
        return json.loads(str(text))
    except ValueError:
        return None


def _short(text: str, most: int = 24) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 8]}..."
