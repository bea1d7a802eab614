"""The SQLite file of a journal: open, lock, check, upgrade, write to the disk.

What its tables hold is described in `journal_schema`; `Journal` adds and reads the rows.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from edgewbc._version import __version__
from edgewbc.errors import UserError
from edgewbc.lab import journal_review
from edgewbc.lab.journal_errors import another, damaged, explained, name_of, short
from edgewbc.lab.journal_schema import APPLICATION, VERSION, create, is_altered, to_json, upgrade
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


Settings = Mapping[str, Any] | Callable[[Mapping[str, Any] | None], Mapping[str, Any]]
"""Settings of a journal; or what returns them, given those that it holds already (None: it is new)."""


class SettingsMismatch(UserError):
    """The journal was made with another model or other settings.

    Attributes:
        stored: the settings in the journal.
    """

    def __init__(self, message: str, stored: dict[str, Any]) -> None:
        super().__init__(message)
        self.stored = stored


class JournalFile:
    """The SQLite file of a journal, opened for writing; no other process can open it meanwhile.

    Attributes:
        path: the file; None for a temporary journal that is deleted when it is closed.
        name: of the journal in messages.
        database: the connection, without implicit transactions.
        run: id of the row in `runs` that was added at opening.
        settings: everything that determines a result.
    """

    def __init__(self, path: Path | None, settings: Settings, engine: Mapping[str, Any]) -> None:
        """Open or create the file, check and upgrade it, and record the run; the arguments are those of `Journal`."""
        self.path, self.name = path, name_of(path)
        with self.errors():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = None if path is None else WriterLock(path)
        try:
            with self.errors():
                self.database = sqlite3.connect(path or "", timeout=0, isolation_level=None, check_same_thread=False)
        except BaseException:
            self._release()
            raise
        try:
            with self.errors():
                self.settings = self._open(settings)
                self.run = self._record_run(engine)
                if path is not None:
                    _flush_folder(path.parent)
        except BaseException:
            self.database.close()
            self._release()
            raise
        self._checkpointed = time.monotonic()

    def errors(self) -> AbstractContextManager[None]:
        """Turn errors within a block into one line that says what to do (`journal_errors.explained`)."""
        return explained(self.path)

    def check_lock(self) -> None:
        """Raise UserError if another run took the journal; this reads a flag, not the disk."""
        if self._lock is not None and self._lock.lost:
            self._lock.check()

    @contextmanager
    def transaction(self, needed: bool = True) -> Iterator[Any]:
        """Commit at the end of the block, or roll back if it fails; a single statement needs none."""
        if not needed:
            yield self.database.execute
            return
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield self.database.execute
            self.database.execute("COMMIT")
        except BaseException:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")
            raise

    def flush(self) -> None:
        """Write everything to the disk, so that a power cut loses nothing recorded so far.

        Raises:
            UserError: that failed, or another run took the journal.
        """
        if self._lock is not None:
            self._lock.check()
        with self.errors():
            (busy, *_) = self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise UserError(f"{self.name}: cannot be written: another program reads it; run the same command again")
        self._checkpointed = time.monotonic()

    def flush_if_due(self) -> None:
        """Call `flush` if the last one is more than `CHECKPOINT_SECONDS` ago."""
        if time.monotonic() - self._checkpointed > CHECKPOINT_SECONDS:
            self.flush()

    def close(self) -> None:
        """Write everything to the disk and release the file."""
        try:
            with self.errors():
                self.database.close()
        finally:
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _open(self, settings: Settings) -> Mapping[str, Any]:
        """Create the tables, or check and upgrade them; return the settings."""
        execute = self.database.execute
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
                f"{self.name}: this disk or network share failed or cannot keep a write-ahead log: run the same "
                "command again, or name a file on a local disk with --journal"
            )
        execute("PRAGMA synchronous = NORMAL")
        execute("BEGIN IMMEDIATE")
        (application,), (version,) = (
            execute("PRAGMA application_id").fetchone(),
            execute("PRAGMA user_version").fetchone(),
        )
        if not execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            wanted = settings(None) if callable(settings) else settings
            create(self.database, wanted)
        elif application != APPLICATION:
            raise UserError(f"{self.name}: is not a journal of edgewbc: {another(self.path)}")
        elif version < 1:
            raise damaged(self.path, f"version {version}")
        elif version > VERSION:
            raise UserError(
                f"{self.name}: is a journal of version {version}, and this edgewbc reads up to version {VERSION}: "
                f"upgrade edgewbc, or {another(self.path)}"
            )
        else:
            self._check_intact(version)
            wanted = settings(self._stored()) if callable(settings) else settings
            self._compare(wanted)
            if version == 1:
                upgrade(self.database)
        execute("COMMIT")
        return wanted

    def _stored(self) -> dict[str, Any]:
        """Return the settings that the journal holds; None for one that is damaged."""
        return {key: _from_json(text) for key, text in self.database.execute("SELECT name, value FROM about")}

    def _check_intact(self, version: int) -> None:
        """Check the file's structure, the checksums of its last rows, and what people entered."""
        size = 0 if self.path is None else self.path.stat().st_size
        check = "integrity_check" if size <= INDEX_CHECKED else "quick_check"
        problem = str(self.database.execute(f"PRAGMA {check}(1)").fetchone()[0])
        if problem == "ok" and version == VERSION:
            problem = next(self._problems(), "ok")
        if problem != "ok":
            raise damaged(self.path, problem)

    def _problems(self) -> Iterator[str]:
        """Yield what is wrong with a journal whose structure is sound, as far as that is quick to find out."""
        if is_altered(self.database):
            yield "its tables were altered"
        count, last = self.database.execute("SELECT count(*), coalesce(max(id), 0) FROM results").fetchone()
        if count != last:
            yield f"it has {count} of {last} results"
        row = journal_review.damaged_tail(self.database, CHECKED_AT_OPENING)
        if row is not None:
            yield f"result {row} was altered"
        yield from journal_review.broken_chains(self.database)

    def _compare(self, settings: Mapping[str, Any]) -> None:
        stored = dict(self.database.execute("SELECT name, value FROM about"))
        for name, value in settings.items():
            if stored.get(name) != to_json(value):
                raise SettingsMismatch(
                    f"{self.name}: holds results of another model or other settings ({name} was "
                    f"{short(str(stored.get(name, 'not set')))} and is {short(to_json(value))}): "
                    f"{another(self.path)}, or delete this one",
                    {key: _from_json(text) for key, text in stored.items()},
                )

    def _record_run(self, engine: Mapping[str, Any]) -> int:
        values = (utc_now(), __version__, to_json(dict(engine)))
        cursor = self.database.execute("INSERT INTO runs (at, edgewbc, engine) VALUES (?, ?, ?)", values)
        return int(cursor.lastrowid or 0)


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


def _from_json(text: object) -> Any:
    """Return a stored setting; None if it is damaged."""
    try:
        return json.loads(str(text))
    except ValueError:
        return None
