"""The journal: what it records and returns."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc import __version__
from edgewbc.errors import UserError
from edgewbc.images.files import FileVersion
from edgewbc.lab.journal import Journal, Reading, key
from edgewbc.lab.journal_review import Screen
from edgewbc.lab.results import ResultRow, Status
from edgewbc.runtime.predictor import Backend, ModelInfo

SETTINGS: dict[str, Any] = {"model_sha256": "ff" * 32, "classes": ["neutrophil", "lymphocyte"], "review_below": 0.5}
GOOD = {"neutrophil": 0.7500000238418579, "lymphocyte": 0.25}
INFO = ModelInfo(Backend.OPENVINO, "int8", "f32", 2, (80, 80), threads=1, isa="AVX2")
ONE = FileVersion(100, 1_700_000_000_123_456_789, 1_700_000_000_223_456_789, 4711)
SCREEN = Screen(3, "all", "1280x720")


def good(path: str) -> ResultRow:
    """Return a row with a label."""
    return ResultRow(path, "neutrophil", GOOD["neutrophil"], GOOD, Status.OK, "", SETTINGS["model_sha256"])


def bad(path: str, reason: str = "empty file") -> ResultRow:
    """Return a row with an error."""
    return ResultRow(path, "", None, {}, Status.ERROR, reason, SETTINGS["model_sha256"])


def cell(path: str, number: int, label: str, status: Status = Status.OK) -> ResultRow:
    """Return a row for a cell in a field."""
    row = (path, label, GOOD[label], GOOD, status, "", SETTINGS["model_sha256"])
    return ResultRow(*row, number, (10.0 * number, 20.5, 30.0, 40.0))


def test_rows_are_unchanged_after_reopening(tmp_path: Path) -> None:
    """After closing and opening again, rows are equal to the last bit, in the requested order."""
    rows = [good(str(tmp_path / "a.png")), bad(str(tmp_path / "b.png"))]
    with Journal(tmp_path / "new" / "j", SETTINGS) as journal:
        for row in rows:
            journal.add(row, ONE, "aa")
    with Journal(tmp_path / "new" / "j", SETTINGS) as journal:
        assert list(journal.rows([rows[1].path, rows[0].path])) == rows[::-1]
        assert journal.cells("none.png") == []
        with pytest.raises(UserError, match=r"j: is damaged \(it has no result for none.png\)"):
            list(journal.rows([rows[0].path, "none.png"]))
        assert journal.verify() == []
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["j"]


def test_several_readings_are_recorded_together_or_not_at_all(tmp_path: Path) -> None:
    """With the rows' own times; ids count on, and a reading that cannot be stored leaves nothing of the others."""
    field = [cell("f.png", 1, "neutrophil"), cell("f.png", 2, "lymphocyte")]
    row = replace(good("a.png"), classified_at="2026-11-28T01:02:03Z")
    with Journal(tmp_path / "j", SETTINGS) as journal:
        journal.add(good("before.png"), ONE, "00")
        journal.add_all([Reading(field, ONE, "bb"), Reading([row], FileVersion(7, 8, 9, 10), "aa")])
        assert (journal.cells("f.png"), journal.cells("a.png")) == (field, [row])
        assert journal.cells("a.png")[0].classified_at == row.classified_at
        unknown = replace(good("c.png"), probabilities={"blast": 1.0})
        with pytest.raises(KeyError):
            journal.add_all([Reading([good("b.png")], ONE, "aa"), Reading([unknown], ONE, "aa")])
        journal.add_all([])
        assert not journal.holds("b.png")
        assert journal.verify() == []
    database = sqlite3.connect(tmp_path / "j")
    found = database.execute("SELECT id, reading, sha256 FROM results ORDER BY id").fetchall()
    database.close()
    assert found == [(1, 1, "00"), (2, 2, "bb"), (3, 2, "bb"), (4, 4, "aa")]


def test_several_cells_per_image(tmp_path: Path) -> None:
    """Cells keep number, box and status; a second reading with fewer cells replaces all of the first."""
    first = [cell("f.png", 1, "neutrophil"), cell("f.png", 2, "lymphocyte", Status.UNFAMILIAR)]
    with Journal(tmp_path / "j", SETTINGS) as journal:
        journal.add_cells(first, ONE, "aa")
        journal.add(good("a.png"), ONE, "aa")
        assert journal.cells("f.png") == first
        assert journal.has("f.png", ONE)
        journal.add_cells([cell("f.png", 1, "lymphocyte")], FileVersion(7, 8, 9, 10), "bb")
        assert journal.cells("f.png") == [cell("f.png", 1, "lymphocyte")]
        assert not journal.has("f.png", ONE)
        assert journal.verify() == []
        for rows in ([], [good("a.png"), good("b.png")]):
            with pytest.raises(ValueError, match="at least one row, all of one path"):
                journal.add_cells(rows, ONE, "aa")
    database = sqlite3.connect(tmp_path / "j")
    found = database.execute("SELECT reading, cell, box, status FROM results ORDER BY id").fetchall()
    assert found[:2] == [(1, 1, "[10.0, 20.5, 30.0, 40.0]", "ok"), (1, 2, "[20.0, 20.5, 30.0, 40.0]", "unfamiliar")]
    assert found[2:] == [(3, 0, None, "ok"), (4, 1, "[10.0, 20.5, 30.0, 40.0]", "ok")]
    assert database.execute("SELECT id FROM current ORDER BY id").fetchall() == [(3,), (4,)]
    database.close()


def test_a_file_is_identified_by_its_version(tmp_path: Path) -> None:
    """Another size, time or inode is another version; a file that could not be read never has a result."""
    with Journal(tmp_path / "j", SETTINGS) as journal:
        journal.add(good("a.png"), ONE, "aa")
        journal.add(bad("locked.png"), ONE, "")
        assert journal.has("a.png", ONE)
        assert journal.has(str(Path.cwd() / "a.png"), ONE)
        for changed in ({"size": 101}, {"mtime_ns": 1}, {"ctime_ns": 1}, {"inode": 1}):
            assert not journal.has("a.png", replace(ONE, **changed))
        assert journal.sha256("a.png", 100) == "aa"
        assert journal.sha256("a.png", 101) == journal.sha256("b.png", 100) == journal.sha256("locked.png", 100) == ""
        assert not journal.has("b.png", ONE)
        assert not journal.has("locked.png", ONE)


def test_the_earlier_result_is_kept(tmp_path: Path) -> None:
    """The new result of a changed file is the current one; the old one, its hash and its run stay on record."""
    with Journal(tmp_path / "j", SETTINGS, INFO) as journal:
        journal.add(bad("a.png"), ONE, "aa")
    with Journal(tmp_path / "j", SETTINGS) as journal:
        journal.add(good("a.png"), FileVersion(7, 8, 9, 10), "bb")
        assert journal.cells("a.png") == [good("a.png")]
    database = sqlite3.connect(tmp_path / "j")
    assert database.execute("SELECT sha256, status, run, size, mtime_ns FROM results ORDER BY id").fetchall() == [
        ("aa", "error", 1, 100, ONE.mtime_ns),
        ("bb", "ok", 2, 7, 8),
    ]
    runs = database.execute("SELECT edgewbc, engine FROM runs ORDER BY id").fetchall()
    assert runs == [(__version__, json.dumps(INFO.to_json())), (__version__, "{}")]
    found = database.execute("SELECT path, label, probability, probabilities FROM current").fetchall()
    assert found == [(str(Path.cwd() / "a.png"), "neutrophil", GOOD["neutrophil"], "[0.7500000238418579, 0.25]")]
    database.close()


def test_rows_are_only_added(tmp_path: Path) -> None:
    """The file itself refuses to have a row changed or deleted, in every table."""
    with Journal(tmp_path / "j", SETTINGS) as journal:
        journal.add(good("a.png"), ONE, "aa")
        journal.decide("a.png", "Dr. Vogt", "lymphocyte")
        journal.sign_off("Dr. Vogt", SCREEN)
    database = sqlite3.connect(tmp_path / "j")
    for statement in (
        "UPDATE results SET label = 'lymphocyte'",
        "DELETE FROM results",
        "UPDATE about SET value = '1'",
        "DELETE FROM runs",
        "UPDATE decisions SET new = 'monocyte'",
        "DELETE FROM sign_offs",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="rows are only added"):
            database.execute(statement)
    database.close()


@given(
    st.lists(
        st.binary(min_size=1, max_size=20).filter(lambda name: not set(name) & {0, 47} and name not in (b".", b"..")),
        min_size=1,
        max_size=4,
        unique=True,
    )
)
@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_any_file_name_is_kept(tmp_path_factory: pytest.TempPathFactory, raw: list[bytes]) -> None:
    """Names with spaces, quotes, line feeds and bytes that are not UTF-8 are kept apart and returned unchanged."""
    folder = tmp_path_factory.mktemp("names")
    names = [str(folder / os.fsdecode(name)) for name in raw]
    with Journal(None, SETTINGS) as journal:
        for name in names:
            journal.add(good(name), ONE, "aa")
        assert list(journal.names(str(folder))) == names
        assert [row.path for row in journal.rows(names)] == names
        assert journal.verify() == []


def test_names_in_a_folder_and_its_subfolders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in a folder whose name starts alike; relative if the folder is; in the order of the first results."""
    monkeypatch.chdir(tmp_path)
    with Journal(None, SETTINGS) as journal:
        for name in ("smear/b.png", "smear-2/a.png", "smear/sub/c.png", "smear/a.png", "smear/b.png"):
            journal.add(good(name), ONE, "aa")
        assert list(journal.names("smear")) == ["smear/b.png", "smear/sub/c.png", "smear/a.png"]
        assert list(journal.names(".")) == ["smear/b.png", "smear-2/a.png", "smear/sub/c.png", "smear/a.png"]
        assert list(journal.names(str(tmp_path / "smear-2"))) == [str(tmp_path / "smear-2" / "a.png")]
    assert key("smear/a.png") == os.fsencode(tmp_path / "smear" / "a.png")
