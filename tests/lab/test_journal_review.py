"""Decisions and sign-offs in a journal, and what `verify` detects."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.lab import journal_review
from edgewbc.lab.journal import Journal
from edgewbc.lab.results import Status
from tests.lab.test_journal import ONE, SCREEN, SETTINGS, cell, good


def signed(path: Path) -> None:
    """Write a journal with three results, three decisions and two sign-offs."""
    with Journal(path, SETTINGS) as journal:
        journal.add(good("a.png"), ONE, "aa")
        journal.add_cells([cell("f.png", 1, "neutrophil"), cell("f.png", 2, "lymphocyte")], ONE, "bb")
        journal.decide("a.png", "Dr. Vogt", "lymphocyte", "small round nucleus")
        journal.decide("f.png", "Dr. Vogt", "neutrophil", cell=2)
        journal.sign_off("Dr. Vogt", SCREEN)
        journal.decide("a.png", "Dr. Okafor", "neutrophil", "second opinion")
        journal.sign_off("Dr. Okafor", SCREEN, {"report.pdf": "ab" * 32})


def test_decisions_are_kept_in_order_with_old_and_new_value(tmp_path: Path) -> None:
    """The old value is the label, and then what the latest decision says; the result row itself stays."""
    signed(tmp_path / "j")
    with Journal(tmp_path / "j", SETTINGS) as journal:
        found = journal.decisions()
        assert [(d.who, Path(d.path).name, d.cell, d.old, d.new, d.why, d.result) for d in found] == [
            ("Dr. Vogt", "a.png", 0, "neutrophil", "lymphocyte", "small round nucleus", 1),
            ("Dr. Vogt", "f.png", 2, "lymphocyte", "neutrophil", "", 3),
            ("Dr. Okafor", "a.png", 0, "lymphocyte", "neutrophil", "second opinion", 1),
        ]
        assert journal.decisions("a.png") == [found[0], found[2]]
        assert journal.decisions("b.png") == []
        assert journal.cells("a.png") == [good("a.png")]
        assert all(d.at.endswith("Z") and len(d.hash) == 64 for d in found)


def test_a_decision_needs_a_cell(tmp_path: Path) -> None:
    """A file or cell without a result is refused in one line; after a new reading, only its cells can be decided on."""
    with Journal(tmp_path / "j", SETTINGS) as journal:
        journal.add_cells([cell("f.png", 1, "neutrophil"), cell("f.png", 2, "lymphocyte")], ONE, "aa")
        journal.decide("f.png", "Dr. Vogt", "lymphocyte", cell=1)
        journal.add_cells([cell("f.png", 1, "neutrophil", Status.UNFAMILIAR)], ONE, "bb")
        assert journal.decide("f.png", "Dr. Vogt", "basophil", cell=1).old == "neutrophil"
        for name, number in (("f.png", 2), ("f.png", 0), ("g.png", 1)):
            with pytest.raises(UserError, match=f"no result for cell {number} of {name}: classify the image first"):
                journal.decide(name, "Dr. Vogt", "basophil", cell=number)
        assert len(journal.decisions()) == 2
        assert journal.verify() == []


def test_a_sign_off_covers_everything_before_it(tmp_path: Path) -> None:
    """It records the last rows and hashes of results and decisions; later rows do not affect it."""
    signed(tmp_path / "j")
    with Journal(tmp_path / "j", SETTINGS) as journal:
        first, second = journal.sign_offs()
        assert (first.who, first.seen, first.last_result, first.last_decision) == ("Dr. Vogt", SCREEN.to_json(), 3, 2)
        assert (second.last_result, second.last_decision) == (3, 3)
        assert sorted(second.hashes) == ["decisions", "report.pdf", "results"]
        assert first.hashes["results"] == second.hashes["results"]
        assert first.hashes["decisions"] == journal.decisions()[1].hash
        assert second.hashes["decisions"] == journal.decisions()[2].hash
        journal.add(good("later.png"), ONE, "cc")
        assert journal.verify() == []
        empty = Journal(None, SETTINGS)
        assert (empty.sign_off("x", SCREEN).last_result, empty.verify()) == (0, [])
        empty.close()


def tamper(path: Path, statement: str) -> list[str]:
    """Change a journal behind its back, without its triggers; check that it is refused, and return what is wrong."""
    database = sqlite3.connect(path)
    for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        database.execute(f"DROP TRIGGER {name}")
    database.execute(statement)
    database.commit()
    with closing(database):
        problems = list(journal_review.problems(database))
    with pytest.raises(UserError, match="j: is damaged"):
        Journal(path, SETTINGS)
    return problems


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE decisions SET new = 'monocyte' WHERE id = 2", "decisions: row 2, or one before it, was altered"),
        ("UPDATE decisions SET who = 'Dr. Who' WHERE id = 1", "decisions: row 1, or one before it, was altered"),
        ("UPDATE decisions SET why = '' WHERE id = 3", "decisions: row 3, or one before it, was altered"),
        ("DELETE FROM decisions WHERE id = 1", "decisions: row 2, or one before it, was altered or removed"),
        ("DELETE FROM decisions WHERE id = 3", "sign_offs: decisions changed after sign-off 2"),
        ("UPDATE sign_offs SET seen = '{}' WHERE id = 2", "sign_offs: row 2, or one before it, was altered"),
        ("DELETE FROM sign_offs WHERE id = 1", "sign_offs: row 2, or one before it, was altered or removed"),
        ("DELETE FROM results WHERE id = 2", "results: rows 2 to 2 are missing"),
        ("DELETE FROM results WHERE id = 3", "sign_offs: results changed after sign-off 1"),
    ],
)
def test_altered_and_removed_rows_are_detected(tmp_path: Path, statement: str, expected: str) -> None:
    """Each change of one row, or its removal, is reported."""
    signed(tmp_path / "j")
    problems = tamper(tmp_path / "j", statement)
    assert any(line.startswith(expected) for line in problems), problems


@pytest.mark.parametrize(
    "column",
    ["run = 9", "at = ''", "path = x'00'", "cell = 7", "box = '[0, 0, 1, 1]'", "size = 1", "mtime_ns = 1",
     "ctime_ns = 1", "inode = 1",
     "sha256 = 'x'", "status = 'review'", "label = 'monocyte'", "probability = 0.7", "probabilities = '[]'",
     "reason = 'x'", "reading = 2"],
)  # fmt: skip
def test_each_column_of_a_result_is_covered_by_its_checksum(tmp_path: Path, column: str) -> None:
    """A change of any column of any result is reported."""
    signed(tmp_path / "j")
    statement = f"UPDATE results SET {column} WHERE id = 1"  # noqa: S608
    assert tamper(tmp_path / "j", statement) == ["results: row 1 was altered"]


def test_a_failed_decision_leaves_no_transaction_open(tmp_path: Path) -> None:
    """After a refused decision the journal can be written as before."""
    with Journal(tmp_path / "j", SETTINGS) as journal:
        steps: list[Callable[[], object]] = [lambda: journal.decide("none.png", "x", "y")]
        for step in steps:
            with pytest.raises(UserError, match="classify the image first"):
                step()
        journal.add(good("a.png"), ONE, "aa")
        assert journal.decide("a.png", "x", "y").new == "y"
