"""What people add to a journal: decisions on single cells, and sign-offs; and the check that nothing was altered.

Both tables are append-only and hash-chained (see `journal_schema`). The functions here work on the journal's own
connection; use them through `Journal.decide`, `Journal.sign_off` and `Journal.verify`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from edgewbc.lab.journal_schema import (
    DECISION_COLUMNS,
    RESULT_COLUMNS,
    SIGN_OFF_COLUMNS,
    chain_hash,
    checksum,
    to_json,
)


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's change of one cell's value.

    Attributes:
        at: time, UTC, ISO 8601.
        who: the person.
        result: id of the result row that the person saw.
        path: absolute name of the image file.
        cell: number of the cell; 0 is the whole image.
        old, new: the value before and after, such as `monocyte`.
        why: the reason given; may be empty.
        hash: of this row and, through the chain, of all decisions before it.
    """

    at: str
    who: str
    result: int
    path: str
    cell: int
    old: str
    new: str
    why: str
    hash: str


class Shown(Protocol):
    """What a person signs beside the rows of the journal, which keeps it as JSON."""

    def to_json(self) -> dict[str, Any]:
        """Return the values that were shown."""


@dataclass(frozen=True)
class Screen:
    """What a person had before them when they signed on the review page.

    Attributes:
        shown: number of cells that the window showed.
        filter: which cells it listed.
        screen: width and height of the window in pixels, such as `1280x720`.
        bundle_sha256, profile_sha256: hashes of the bundle and of the microscope's profile that the page named.
    """

    shown: int
    filter: str
    screen: str
    bundle_sha256: str = ""
    profile_sha256: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the attributes by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SignOff:
    """A person's signature under everything that the journal held at that moment.

    Attributes:
        at: time, UTC, ISO 8601.
        who: the person.
        seen: what was on the screen, as JSON values: the differential, filters, number of cells viewed.
        hashes: SHA-256 by name; `results` and `decisions` cover the rows up to `last_result` and `last_decision`.
        last_result, last_decision: ids of the last rows that are covered; 0 where there were none.
        hash: of this row and, through the chain, of all sign-offs before it.
    """

    at: str
    who: str
    seen: Mapping[str, Any]
    hashes: Mapping[str, str]
    last_result: int
    last_decision: int
    hash: str


def add_decision(
    database: sqlite3.Connection, at: str, who: str, path: bytes, cell: int, new: str, why: str
) -> Decision | None:
    """Append a decision on a cell of the latest reading of a file; None if the journal has no such cell."""
    result = database.execute(
        "SELECT id FROM results WHERE path = ? AND cell = ? AND reading ="
        " (SELECT max(reading) FROM results WHERE path = ?)",
        (path, cell, path),
    ).fetchone()
    return None if result is None else add_decision_on(database, at, who, result[0], new, why)


def add_decision_on(
    database: sqlite3.Connection, at: str, who: str, result: int, new: str, why: str
) -> Decision | None:
    """Append a decision on the cell of a result row; None if the journal has no such row."""
    found = database.execute("SELECT path, cell, label FROM results WHERE id = ?", (result,)).fetchone()
    if found is None:
        return None
    path, cell, label = found
    earlier = database.execute("SELECT new FROM decisions WHERE result = ? ORDER BY id DESC LIMIT 1", (result,))
    (old,) = earlier.fetchone() or (label,)
    digest = _append(database, "decisions", DECISION_COLUMNS, (at, who, result, path, cell, old, new, why))
    return Decision(at, who, result, os.fsdecode(path), cell, old, new, why, digest)


def decisions(database: sqlite3.Connection, path: bytes | None = None) -> Iterator[Decision]:
    """Return the decisions in the order in which they were made; of one file, or of all."""
    where, values = ("", ()) if path is None else (" WHERE path = ?", (path,))
    rows = database.execute(_select("decisions", DECISION_COLUMNS) + where + " ORDER BY id", values)
    for _, at, who, result, name, cell, old, new, why, digest in rows:
        yield Decision(at, who, result, os.fsdecode(name), cell, old, new, why, digest)


def add_sign_off(database: sqlite3.Connection, at: str, who: str, seen: Shown, hashes: Mapping[str, str]) -> SignOff:
    """Append a sign-off of all results and decisions so far."""
    last_result, last_decision = _last(database, "results")[0], _last(database, "decisions")[0]
    covered = {
        **hashes,
        "results": _results_digest(database, last_result),
        "decisions": _hash_at(database, "decisions", last_decision),
    }
    shown = seen.to_json()
    values = (at, who, to_json(shown), to_json(covered), last_result, last_decision)
    digest = _append(database, "sign_offs", SIGN_OFF_COLUMNS, values)
    return SignOff(at, who, shown, covered, last_result, last_decision, digest)


def sign_offs(database: sqlite3.Connection) -> Iterator[SignOff]:
    """Return the sign-offs in the order in which they were made."""
    for row in database.execute(_select("sign_offs", SIGN_OFF_COLUMNS) + " ORDER BY id"):
        _, at, who, seen, hashes, last_result, last_decision, digest = row
        yield SignOff(at, who, json.loads(seen), json.loads(hashes), last_result, last_decision, digest)


def problems(database: sqlite3.Connection) -> Iterator[str]:
    """Check every checksum, chain and sign-off; yield a line for each row that does not match."""
    expected = 1
    for row in database.execute(f"{RESULTS} ORDER BY id"):
        if row[0] != expected:
            yield f"results: rows {expected} to {row[0] - 1} are missing"
        if not is_intact(row):
            yield f"results: row {row[0]} was altered"
        expected = row[0] + 1
    yield from broken_chains(database)
    for number, sign_off in enumerate(sign_offs(database), 1):
        if sign_off.hashes.get("results") != _results_digest(database, sign_off.last_result):
            yield f"sign_offs: results changed after sign-off {number}, though they were signed"
        if sign_off.hashes.get("decisions") != _hash_at(database, "decisions", sign_off.last_decision):
            yield f"sign_offs: decisions changed after sign-off {number}, though they were signed"


def broken_chains(database: sqlite3.Connection) -> Iterator[str]:
    """Check the hash chains of decisions and sign-offs; yield a line for each chain that is broken."""
    for table, columns in (("decisions", DECISION_COLUMNS), ("sign_offs", SIGN_OFF_COLUMNS)):
        previous = ""
        for number, row in enumerate(database.execute(_select(table, columns) + " ORDER BY id"), 1):
            if row[0] != number or chain_hash(previous, row[:-1]) != row[-1]:
                yield f"{table}: row {row[0]}, or one before it, was altered or removed"
                break
            previous = row[-1]


def damaged_tail(database: sqlite3.Connection, count: int) -> int | None:
    """Return the id of a row among the last `count` results whose checksum does not match; None if all match."""
    rows = database.execute(f"{RESULTS} ORDER BY id DESC LIMIT ?", (count,))
    return next((int(row[0]) for row in rows if not is_intact(row)), None)


def is_intact(row: tuple[Any, ...]) -> bool:
    """Return whether a row of `RESULTS` matches its checksum, the last value."""
    try:
        return bool(checksum(row[:-1]) == row[-1])
    except ValueError:  # a number that is infinite
        return False


def _append(database: sqlite3.Connection, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> str:
    last, previous = _last(database, table)
    digest = chain_hash(previous, (last + 1, *values))
    marks = ", ".join("?" * (len(values) + 2))
    database.execute(
        f"INSERT INTO {table} (id, {', '.join(columns)}, hash) VALUES ({marks})",  # noqa: S608
        (last + 1, *values, digest),
    )
    return digest


def _last(database: sqlite3.Connection, table: str) -> tuple[int, str]:
    column = "checksum" if table == "results" else "hash"
    found = database.execute(f"SELECT id, {column} FROM {table} ORDER BY id DESC LIMIT 1").fetchone()  # noqa: S608
    return (0, "") if found is None else (int(found[0]), str(found[1]))


def _hash_at(database: sqlite3.Connection, table: str, row: int) -> str:
    found = database.execute(f"SELECT hash FROM {table} WHERE id = ?", (row,)).fetchone()  # noqa: S608
    return "" if found is None else str(found[0])


def _results_digest(database: sqlite3.Connection, last: int) -> str:
    digest = hashlib.sha256()
    for row in database.execute("SELECT id, checksum FROM results WHERE id <= ? ORDER BY id", (last,)):
        digest.update(f"{row[0]} {row[1]}\n".encode())
    return digest.hexdigest()


def _select(table: str, columns: tuple[str, ...], last: str = "hash") -> str:
    return f"SELECT id, {', '.join(columns)}, {last} FROM {table}"  # noqa: S608


RESULTS = _select("results", RESULT_COLUMNS, "checksum")
"""Selects all of a result row, and its checksum at the end; for a clause to be appended."""
