"""The journal's file format: tables, versions, the upgrade from version 1, and the checksums of its rows.

Version 2 (`PRAGMA user_version`) holds these tables. Times are UTC; triggers refuse any UPDATE or DELETE.

    about      name, value: the settings that determine a result, as JSON (the model's SHA-256, the classes, ...)
    runs       id, at, edgewbc, engine: one row each time the journal was opened for writing
    results    one row per cell: id, run, reading, at, path, cell, box, size, mtime_ns, ctime_ns, inode, sha256,
               status, label, probability, probabilities, reason, checksum
    decisions  a person's changes: id, at, who, result, path, cell, old, new, why, hash
    sign_offs  id, at, who, seen, hashes, last_result, last_decision, hash
    current    a view: the cells of the latest reading of each path, with the name as text

`cell` is 0 and `box` is NULL where the whole image is one cell; cells located in a field are numbered from 1, with
their box as a JSON list (left, top, width, height). All cells that come from one reading of a file share `reading`, the
id of the first of them. `path` holds the bytes of the absolute name (`os.fsencode`), so that names that are not valid
Unicode are kept exactly. `probabilities` is a JSON list in the order of the classes in `about`.

`size`, `mtime_ns`, `ctime_ns` and `inode` are those of the file that was read (see `FileVersion`); the last two are 0
where the system did not tell them, and in rows from version 1.

`checksum` covers the other columns of its row. `hash` covers the row and the hash of the row before it, so that
altering, removing or reordering rows breaks the chain. Neither is a signature: whoever can rewrite the whole file can
also recompute them. A sign-off that is kept elsewhere (printed, sent to another system) pins everything before it.

Version 1 had one row per image, in the table `answers`, and neither checksums nor the tables for people's entries.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

VERSION = 2
APPLICATION = 0x65574243
"""`PRAGMA application_id`, "eWBC": distinguishes journals from other SQLite files."""

RESULT_COLUMNS = (
    "run", "reading", "at", "path", "cell", "box", "size", "mtime_ns", "ctime_ns", "inode", "sha256", "status", "label",
    "probability", "probabilities", "reason",
)  # fmt: skip
"""What a row's checksum covers, in this order, after its id."""

DECISION_COLUMNS = ("at", "who", "result", "path", "cell", "old", "new", "why")
SIGN_OFF_COLUMNS = ("at", "who", "seen", "hashes", "last_result", "last_decision")

_ABOUT = "CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
_RUNS = "CREATE TABLE runs (id INTEGER PRIMARY KEY, at TEXT NOT NULL, edgewbc TEXT NOT NULL, engine TEXT NOT NULL)"
_VERSION_2 = (
    """CREATE TABLE results (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, reading INTEGER NOT NULL, at TEXT NOT NULL,
  path BLOB NOT NULL, cell INTEGER NOT NULL, box TEXT, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, sha256 TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('ok', 'review', 'unfamiliar', 'error')),
  label TEXT NOT NULL, probability REAL, probabilities TEXT NOT NULL, reason TEXT NOT NULL, checksum TEXT NOT NULL
)""",
    "CREATE INDEX results_by_path ON results (path, reading)",
    """CREATE TABLE decisions (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, result INTEGER NOT NULL REFERENCES results,
  path BLOB NOT NULL, cell INTEGER NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL, why TEXT NOT NULL, hash TEXT NOT NULL
)""",
    "CREATE INDEX decisions_by_result ON decisions (result)",
    """CREATE TABLE sign_offs (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, seen TEXT NOT NULL, hashes TEXT NOT NULL,
  last_result INTEGER NOT NULL, last_decision INTEGER NOT NULL, hash TEXT NOT NULL
)""",
    """CREATE VIEW current AS SELECT id, run, at, CAST(path AS TEXT) AS path, cell, box, size, mtime_ns, sha256, status,
  label, probability, probabilities, reason FROM results
  WHERE reading IN (SELECT max(reading) FROM results GROUP BY path)""",
)
_PROTECT = "CREATE TRIGGER {table}_{event} BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, '{why}'); END"
_APPEND_ONLY = "rows are only added"


def create(database: sqlite3.Connection, settings: Mapping[str, Any]) -> None:
    """Create the tables of an empty journal inside the caller's transaction."""
    for statement in (_ABOUT, _RUNS, *_VERSION_2):
        database.execute(statement)
    _protect(database, ("about", "runs", "results", "decisions", "sign_offs"))
    entries = [(name, to_json(value)) for name, value in settings.items()]
    database.executemany("INSERT INTO about VALUES (?, ?)", entries)
    database.execute(f"PRAGMA application_id = {APPLICATION}")
    database.execute(f"PRAGMA user_version = {VERSION}")


def is_altered(database: sqlite3.Connection) -> bool:
    """Return whether tables, indexes, triggers or views of a version 2 journal differ from those that are created."""
    expected = sqlite3.connect(":memory:", isolation_level=None)
    try:
        create(expected, {})
        return _schema(database) != _schema(expected)
    finally:
        expected.close()


def _schema(database: sqlite3.Connection) -> set[tuple[str, ...]]:
    return set(database.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master"))


def upgrade(database: sqlite3.Connection) -> None:
    """Turn a version 1 journal into version 2 inside the caller's transaction; every row keeps its id."""
    database.create_function("row_checksum", -1, lambda *values: checksum(values), deterministic=True)
    for statement in ("DROP VIEW current", *_VERSION_2):
        database.execute(statement)
    columns = (
        "run, id, at, path, 0, NULL, size, mtime_ns, 0, 0, sha256, status, label, probability, probabilities, reason"
    )
    database.execute(
        f"INSERT INTO results SELECT id, {columns}, row_checksum(id, {columns}) FROM answers ORDER BY id"  # noqa: S608
    )
    database.execute("DROP TABLE answers")
    _protect(database, ("results", "decisions", "sign_offs"))
    database.execute(f"PRAGMA user_version = {VERSION}")


def _protect(database: sqlite3.Connection, tables: tuple[str, ...]) -> None:
    for table in tables:
        for event in ("UPDATE", "DELETE"):
            database.execute(_PROTECT.format(table=table, event=event, why=_APPEND_ONLY))


def checksum(values: tuple[Any, ...]) -> str:
    """Return the checksum of a result row, 16 hexadecimal digits.

    Args:
        values: its id and then its `RESULT_COLUMNS`, as SQLite returns them.
    """
    return hashlib.blake2b(_canonical(values), digest_size=8).hexdigest()


def chain_hash(previous: str, values: tuple[Any, ...]) -> str:
    """Return the SHA-256 of a row of `decisions` or `sign_offs`, linked to the hash of the row before it.

    Args:
        previous: hash of the row before; empty for the first.
        values: the row's id and then its columns, as SQLite returns them.
    """
    return hashlib.sha256(previous.encode() + _canonical(values)).hexdigest()


def _canonical(values: tuple[Any, ...]) -> bytes:
    """Return values as JSON. A blob is a list of its hexadecimal digits: an empty one is not the empty text."""
    plain = [[value.hex()] if isinstance(value, bytes) else value for value in values]
    return to_json(plain).encode()


def to_json(value: Any) -> str:
    """Return JSON in ASCII, as all JSON in a journal is stored."""
    return _encode(value)


_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False).encode
