"""Versions of the journal: files of version 1 are upgraded and continued."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from edgewbc.errors import UserError
from edgewbc.images.files import FileVersion
from edgewbc.lab.journal import Journal
from tests.lab.test_journal import ONE, SETTINGS, bad, good

VERSION_1 = """
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
CREATE TRIGGER answers_UPDATE BEFORE UPDATE ON answers BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER answers_DELETE BEFORE DELETE ON answers BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER about_UPDATE BEFORE UPDATE ON about BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER about_DELETE BEFORE DELETE ON about BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER runs_UPDATE BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
CREATE TRIGGER runs_DELETE BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;
PRAGMA application_id = 1700217411;
PRAGMA user_version = 1;
"""
"""What edgewbc 0.1.0 created."""


def version_1(path: Path) -> None:
    """Write a version 1 journal: one image that was first unreadable and then had a label, and one broken file."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(VERSION_1)
    database.executemany("INSERT INTO about VALUES (?, ?)", [(name, json.dumps(v)) for name, v in SETTINGS.items()])
    database.execute("INSERT INTO runs VALUES (1, '2026-01-02T03:04:05Z', '0.1.0', '{}')")
    folder = path.parent
    for name, sha256, row in (("a.png", "", bad("")), ("a.png", "aa", good("")), ("b.png", "bb", bad(""))):
        values = (os.fsencode(folder / name), ONE.size, ONE.mtime_ns, sha256, str(row.status), row.label)
        probabilities = json.dumps(list(row.probabilities.values()))
        database.execute(
            "INSERT INTO answers (run, at, path, size, mtime_ns, sha256, status, label, probability, probabilities,"
            " reason) VALUES (1, '2026-01-02T03:04:06Z', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, row.probability, probabilities, row.reason),
        )
    database.commit()
    database.close()


def test_a_version_1_journal_is_continued(tmp_path: Path) -> None:
    """Its results and their history are kept, with their ids and times; new ones are added; all are protected."""
    version_1(tmp_path / "j")
    a, b = str(tmp_path / "a.png"), str(tmp_path / "b.png")
    with Journal(tmp_path / "j", SETTINGS) as journal:
        assert list(journal.rows([a, b])) == [good(a), bad(b)]
        assert not journal.has(a, ONE)  # version 1 did not record when a file was changed: its hash must be compared
        assert (journal.sha256(a, ONE.size), journal.sha256(b, ONE.size)) == ("aa", "bb")
        assert journal.verify() == []
        journal.add(good(b), FileVersion(1, 2, 3, 4), "cc")
        assert journal.decide(a, "Dr. Vogt", "lymphocyte").result == 2
    with Journal(tmp_path / "j", SETTINGS) as journal:
        assert list(journal.rows([a, b])) == [good(a), good(b)]
        assert journal.verify() == []
    database = sqlite3.connect(tmp_path / "j")
    assert database.execute("PRAGMA user_version").fetchone() == (2,)
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {"about", "runs", "results", "decisions", "sign_offs"}
    found = database.execute("SELECT id, run, reading, at, cell, box, status FROM results ORDER BY id").fetchall()
    assert found[1] == (2, 1, 2, "2026-01-02T03:04:06Z", 0, None, "ok")
    assert [row[6] for row in found] == ["error", "ok", "error", "ok"]
    with pytest.raises(sqlite3.IntegrityError, match="rows are only added"):
        database.execute("DELETE FROM results")
    database.close()


def test_an_upgrade_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it fails, or the settings differ, the file is still the version 1 journal that it was."""
    version_1(tmp_path / "j")

    def fail(values: tuple[Any, ...]) -> str:
        raise ValueError("stopped in the middle")

    with monkeypatch.context() as patch:
        patch.setattr("edgewbc.lab.journal_schema.checksum", fail)
        with pytest.raises(UserError, match="j: cannot be written: user-defined function raised exception"):
            Journal(tmp_path / "j", SETTINGS)
    with pytest.raises(UserError, match="another model or other settings"):
        Journal(tmp_path / "j", {**SETTINGS, "review_below": 0.9})
    database = sqlite3.connect(tmp_path / "j")
    assert database.execute("PRAGMA user_version").fetchone() == (1,)
    assert database.execute("SELECT count(*) FROM answers").fetchone() == (3,)
    database.close()
    with Journal(tmp_path / "j", SETTINGS) as journal:
        assert journal.verify() == []
