"""What was answered, kept as it comes: a broken run goes on from here, and a question can be answered later.

One SQLite file. Version 1 (`PRAGMA user_version`) holds

    about    name, value       the settings that decide an answer, as JSON: the model's SHA-256 and so on; never changed
    runs     id, at, edgewbc, engine        each time that the journal was opened to write
    answers  id, run, at, path, size, mtime_ns, sha256, status, label, probability, probabilities, reason
    current  a view: the last answer of each path, its name as text

`path` holds the bytes of the absolute name (`os.fsencode`), so that a name that is not Unicode comes back as it was;
`probabilities` is a JSON list in the order of `about`'s classes; times are UTC. Rows are only ever added (triggers
refuse anything else): where a file changed and was classified anew, the older answer stays. So it is on record which
bytes gave which answer, when, by which model and which edgewbc. `sqlite3 cells.csv.journal "select * from current"`
asks it without this program.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgewbc._version import __version__
from edgewbc.errors import UserError
from edgewbc.images.discover import inside
from edgewbc.lab.classify import Row

VERSION = 1
APPLICATION = 0x65574243  # "eWBC": tells our files from other SQLite files

SETTLE = 5.0
"""Seconds of answers that a power cut can take back at most, about."""

_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (id INTEGER PRIMARY KEY, at TEXT NOT NULL, edgewbc TEXT NOT NULL, engine TEXT NOT NULL);
CREATE TABLE answers (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, at TEXT NOT NULL,
  path BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL,
  status TEXT NOT NULL, label TEXT NOT NULL, probability REAL, probabilities TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX answers_by_path ON answers (path);
CREATE VIEW current AS SELECT id, run, at, CAST(path AS TEXT) AS path, size, mtime_ns, sha256, status, label,
  probability, probabilities, reason FROM answers WHERE id IN (SELECT max(id) FROM answers GROUP BY path);
"""
_KEEP = "CREATE TRIGGER {table}_{event} BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, 'rows are only added'); END"
_LAST = "SELECT {columns} FROM answers WHERE path = ? ORDER BY id DESC LIMIT 1"
_ROW = "label, probability, probabilities, status, reason"


@dataclass(frozen=True, slots=True)
class Version:
    """Which bytes a file has, as far as its folder tells: their number, and when they were last written.

    On a disk with a coarse clock (FAT: 2 s) a file that is written over at once, to the same size, looks the same.
    """

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Version:
        return cls(found.st_size, found.st_mtime_ns)


class OtherSettings(UserError):
    """The journal holds answers of another model, or other settings.

    Attributes:
        held: its settings.
    """

    def __init__(self, message: str, held: dict[str, Any]) -> None:
        super().__init__(message)
        self.held = held


class Journal:
    """A journal that is open to write; nobody else can open it meanwhile.

    Attributes:
        path: the file; None for a private one that is gone when it is closed.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, Any], engine: Mapping[str, Any] | None = None) -> None:
        """Open a journal, or begin one.

        Args:
            path: of the file; folders are made. None keeps the answers in a temporary file without a name: memory
                stays bounded for any number of pictures, and nothing is left behind.
            settings: everything that decides an answer; `model_sha256` and `classes` among it. JSON values.
            engine: what runs (`ModelInfo.to_json`), for the record.

        Raises:
            OtherSettings: the file was begun with others.
            UserError: the file is no journal, in use, or cannot be written.
        """
        self.path = path
        self._sha256, self._classes = str(settings["model_sha256"]), [str(name) for name in settings["classes"]]
        with self._told():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path or "", timeout=0, isolation_level=None)
        try:
            with self._told():
                self._begin(settings)
                self._run = self._note_run(engine or {})
        except BaseException:
            self._database.close()
            raise
        self._settled = time.monotonic()

    def _begin(self, settings: Mapping[str, Any]) -> None:
        ask = self._database.execute
        # One process at a time: SQLite then holds the operating system's lock on the file until it is closed, and the
        # system itself lets go of it when the process dies, however it dies. There is no lock file that could stay
        # behind. It also lets the write-ahead log do without shared memory, which a network share would not have.
        ask("PRAGMA locking_mode = EXCLUSIVE")
        # Write-ahead log: an answer is one small write at the end of a file, and is there for good once the write is
        # done, whatever becomes of the process (kill -9). What has reached the disk is always whole, so that after a
        # power cut the journal opens. With NORMAL it is flushed to the disk not for each answer but with each
        # checkpoint (`settle`): a power cut takes back the answers since, their pictures count as not done, and are
        # done again. FULL would wait for the disk at every picture to save that.
        ask("PRAGMA journal_mode = WAL")
        ask("PRAGMA synchronous = NORMAL")
        ask("BEGIN IMMEDIATE")
        (application,), (version,) = ask("PRAGMA application_id").fetchone(), ask("PRAGMA user_version").fetchone()
        if not ask("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            self._create(settings)
        elif application != APPLICATION:
            raise UserError(f"{self._name}: is not a journal of edgewbc: name another file with --journal")
        elif version != VERSION:
            raise UserError(
                f"{self._name}: a journal of version {version}, and this edgewbc writes {VERSION}: "
                "name another file with --journal"
            )
        else:
            self._compare(settings)
        ask("COMMIT")

    def _create(self, settings: Mapping[str, Any]) -> None:
        ask = self._database.execute
        for statement in _SCHEMA.strip().removesuffix(";").split(";"):
            ask(statement)
        for table in ("about", "runs", "answers"):
            for event in ("UPDATE", "DELETE"):
                ask(_KEEP.format(table=table, event=event))
        told = [(name, _json(value)) for name, value in settings.items()]
        self._database.executemany("INSERT INTO about VALUES (?, ?)", told)
        ask(f"PRAGMA application_id = {APPLICATION}")
        ask(f"PRAGMA user_version = {VERSION}")

    def _compare(self, settings: Mapping[str, Any]) -> None:
        held = dict(self._database.execute("SELECT name, value FROM about"))
        for name, value in settings.items():
            if held.get(name) != _json(value):
                raise OtherSettings(
                    f"{self._name}: holds answers of another model or other settings ({name} was "
                    f"{_short(held.get(name, 'not set'))} and is {_short(_json(value))}): "
                    "name another file with --journal, or delete this one",
                    {key: json.loads(text) for key, text in held.items()},
                )

    def _note_run(self, engine: Mapping[str, Any]) -> int:
        values = (_now(), __version__, _json(dict(engine)))
        made = self._database.execute("INSERT INTO runs (at, edgewbc, engine) VALUES (?, ?, ?)", values)
        return int(made.lastrowid or 0)

    def add(self, row: Row, version: Version, sha256: str) -> None:
        """Keep an answer. It is safe from a kill when this returns.

        Args:
            row: the answer, or why there is none.
            version: of the file that was read.
            sha256: of the bytes that were read; empty if they could not be.

        Raises:
            UserError: it cannot be written (the disk is full).
        """
        values = (
            self._run,
            _now(),
            key(row.path),
            version.size,
            version.mtime_ns,
            sha256,
            row.status,
            row.label,
            row.probability,
            _json([row.probabilities[name] for name in self._classes] if row.probabilities else []),
            row.reason,
        )
        with self._told():
            self._database.execute(
                "INSERT INTO answers (run, at, path, size, mtime_ns, sha256, status, label, probability, probabilities,"
                " reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        if time.monotonic() - self._settled > SETTLE:
            self.settle()

    def settle(self) -> None:
        """Bring everything to the disk: from here on a power cut takes none of it back."""
        with self._told():
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._settled = time.monotonic()

    def holds(self, name: str, version: Version) -> bool:
        """Whether this version of a file was read and has its answer (which may be that it is no picture)."""
        with self._told():
            found = self._database.execute(_LAST.format(columns="size, mtime_ns, sha256"), (key(name),)).fetchone()
        return found is not None and Version(*found[:2]) == version and found[2] != ""

    def row(self, name: str) -> Row | None:
        """The last answer of a file, under the name given; None if there is none."""
        with self._told():
            found = self._database.execute(_LAST.format(columns=_ROW), (key(name),)).fetchone()
        return None if found is None else self._row(name, found)

    def rows(self, names: Iterable[str]) -> Iterator[Row]:
        """The last answers of files, in the order given, one in memory at a time; those without one are left out."""
        for name in names:
            row = self.row(name)
            if row is not None:
                yield row

    def names(self, folder: str) -> Iterator[str]:
        """The files in a folder, and in all folders in it, that have an answer, in the order of their first one.

        Each is named as a search of `folder` names it: relative if `folder` is.
        """
        top = key(folder)
        below = top if top.endswith(_SEP) else top + _SEP
        with self._told():
            found = self._database.execute(
                "SELECT path FROM answers WHERE substr(path, 1, ?) = ? GROUP BY path ORDER BY min(id)",
                (len(below), below),
            )
            for (path,) in found:
                yield inside(folder, os.fsdecode(path[len(below) :]))

    def close(self) -> None:
        """Bring everything to the disk and let others at it."""
        with self._told():
            self._database.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _name(self) -> str:
        return "the temporary journal" if self.path is None else str(self.path)

    def _row(self, name: str, found: tuple[Any, ...]) -> Row:
        label, probability, probabilities, status, reason = found
        by_class = dict(zip(self._classes, json.loads(probabilities), strict=False))
        return Row(name, label, probability, by_class, status, reason, self._sha256)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in one line, and with the mend, what SQLite or the system could not do."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorname", "")
            raise UserError(f"{self._name}: {_mend(code, error)}") from None
        except OSError as error:
            raise UserError(f"{self._name}: cannot be written: {error.strerror or error}") from None


_SEP = os.fsencode(os.sep)


def key(name: str) -> bytes:
    """The bytes that name a file in a journal: of its absolute name; links are not resolved."""
    return os.fsencode(os.path.abspath(name))  # noqa: PTH100


def _mend(code: str, error: sqlite3.Error) -> str:
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "another edgewbc is writing it: wait until that has ended, or name another file with --journal"
    if code == "SQLITE_FULL":
        return "the disk is full; every answer until here is kept: make room, and run the same command again"
    if code.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return "cannot be written here: name a file in another folder with --journal"
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return "is not a journal, or is damaged: name another file with --journal"
    return f"cannot be written: {error}; every answer until here is kept: run the same command again"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:16]}..."
