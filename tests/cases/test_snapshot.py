"""Reading the journal of a case from a copy, while another process may write it."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from edgewbc.cases import snapshot
from edgewbc.cases.case import Case
from edgewbc.cases.file import JOURNAL
from edgewbc.errors import UserError
from tests.cases.cases import cell, make_case


def count(database: sqlite3.Connection) -> int:
    """Return the number of results."""
    return int(database.execute("SELECT count(*) FROM results").fetchone()[0])


def test_a_journal_is_read_while_it_is_open(tmp_path: Path) -> None:
    """The copy includes the write-ahead log, and nothing is changed or left behind."""
    folder = make_case(tmp_path / "case", [cell("neutrophil"), cell("monocyte")])
    with Case.open(folder) as case:
        case.decide(1, "blast", "Ada")
        before = sorted(path.name for path in folder.iterdir())
        assert snapshot.with_copy(folder / JOURNAL, count) == 2
        decisions = snapshot.with_copy(
            folder / JOURNAL, lambda database: database.execute("SELECT count(*) FROM decisions").fetchone()[0]
        )
        assert decisions == 1
        assert sorted(path.name for path in folder.iterdir()) == before
    assert snapshot.read_problems(folder / JOURNAL) == []


def test_a_journal_that_is_written_all_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, and then refused with what to do."""
    folder = make_case(tmp_path / "case", [cell("neutrophil")])
    turns = iter(range(100))
    monkeypatch.setattr(snapshot, "_state", lambda *_: next(turns))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(UserError, match="is written all the time: run the same command again"):
        snapshot.with_copy(folder / JOURNAL, count)


def test_another_version_is_refused(tmp_path: Path) -> None:
    """A snapshot is never upgraded."""
    folder = make_case(tmp_path / "case", [cell("neutrophil")])
    database = sqlite3.connect(folder / JOURNAL)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(UserError, match="is not a journal of version"):
        snapshot.with_copy(folder / JOURNAL, count)
