"""The journal: what is kept, what is refused, and what is said when it cannot be."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc import __version__
from edgewbc.errors import UserError
from edgewbc.lab.classify import Row
from edgewbc.lab.journal import Journal, Version, key

SETTINGS: dict[str, Any] = {"model_sha256": "ff" * 32, "classes": ["neutrophil", "lymphocyte"], "review_below": 0.5}
GOOD = {"neutrophil": 0.7500000238418579, "lymphocyte": 0.25}
ONE = Version(100, 1_700_000_000_123_456_789)


def good(path: str) -> Row:
    return Row(path, "neutrophil", GOOD["neutrophil"], GOOD, "ok", "", SETTINGS["model_sha256"])


def bad(path: str, reason: str = "empty file") -> Row:
    return Row(path, "", None, {}, "error", reason, SETTINGS["model_sha256"])


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    """After closing and opening again, rows are equal to the last bit, in the order in which they are asked for."""
    rows = [good(str(tmp_path / "a.png")), bad(str(tmp_path / "b.png"))]
    with Journal(tmp_path / "new" / "j", SETTINGS) as journal:
        for row in rows:
            journal.add(row, ONE, "aa")
    with Journal(tmp_path / "new" / "j", SETTINGS) as journal:
        assert list(journal.rows([rows[1].path, "none.png", rows[0].path])) == rows[::-1]
        assert journal.row("none.png") is None
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["j"]


def test_a_file_is_held_by_its_version(tmp_path: Path) -> None:
    """Another size or time of change is another version; what could not be read is never held."""
    with Journal(tmp_path / "j", SETTINGS) as journal:
        journal.add(good("a.png"), ONE, "aa")
        journal.add(bad("shut.png"), ONE, "")
        assert journal.holds("a.png", ONE)
        assert journal.holds(str(Path.cwd() / "a.png"), ONE)
        assert not journal.holds("a.png", Version(101, ONE.mtime_ns))
        assert not journal.holds("a.png", Version(100, ONE.mtime_ns + 1))
        assert not journal.holds("b.png", ONE)
        assert not journal.holds("shut.png", ONE)


def test_the_older_answer_stays_as_history(tmp_path: Path) -> None:
    """A changed file's new answer is the one that counts; the old one, its bytes' hash and its run are on record."""
    with Journal(tmp_path / "j", SETTINGS, {"isa": "AVX2"}) as journal:
        journal.add(bad("a.png"), ONE, "aa")
    with Journal(tmp_path / "j", SETTINGS) as journal:
        journal.add(good("a.png"), Version(7, 8), "bb")
        assert journal.row("a.png") == good("a.png")
    asked = sqlite3.connect(tmp_path / "j")
    assert asked.execute("SELECT sha256, status, run, size, mtime_ns FROM answers ORDER BY id").fetchall() == [
        ("aa", "error", 1, 100, ONE.mtime_ns),
        ("bb", "ok", 2, 7, 8),
    ]
    runs = asked.execute("SELECT edgewbc, engine FROM runs ORDER BY id").fetchall()
    assert runs == [(__version__, '{"isa": "AVX2"}'), (__version__, "{}")]
    found = asked.execute("SELECT path, label, probability, probabilities FROM current").fetchall()
    assert found == [(str(Path.cwd() / "a.png"), "neutrophil", GOOD["neutrophil"], "[0.7500000238418579, 0.25]")]
    asked.close()


def test_rows_are_only_added(tmp_path: Path) -> None:
    """The file itself refuses to have an answer changed or taken out."""
    with Journal(tmp_path / "j", SETTINGS) as journal:
        journal.add(good("a.png"), ONE, "aa")
    asked = sqlite3.connect(tmp_path / "j")
    for statement in (
        "UPDATE answers SET label = 'lymphocyte'",
        "DELETE FROM answers",
        "UPDATE about SET value = '1'",
        "DELETE FROM runs",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="rows are only added"):
            asked.execute(statement)
    asked.close()


@given(
    st.lists(
        st.binary(min_size=1, max_size=20).filter(lambda name: not set(name) & {0, 47} and name not in (b".", b"..")),
        min_size=1,
        max_size=4,
        unique=True,
    )
)
@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_any_name_comes_back(tmp_path_factory: pytest.TempPathFactory, raw: list[bytes]) -> None:
    """Spaces, quotes, line feeds and bytes that are not UTF-8: each name is told from the others and comes back."""
    folder = tmp_path_factory.mktemp("names")
    names = [str(folder / os.fsdecode(name)) for name in raw]
    with Journal(None, SETTINGS) as journal:
        for name in names:
            journal.add(good(name), ONE, "aa")
        assert list(journal.names(str(folder))) == names
        assert [row.path for row in journal.rows(names)] == names


def test_names_are_of_a_folder_and_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of a neighbour whose name begins alike; relative where the folder is; in the order of the first answers."""
    monkeypatch.chdir(tmp_path)
    with Journal(None, SETTINGS) as journal:
        for name in ("smear/b.png", "smear-2/a.png", "smear/sub/c.png", "smear/a.png", "smear/b.png"):
            journal.add(good(name), ONE, "aa")
        assert list(journal.names("smear")) == ["smear/b.png", "smear/sub/c.png", "smear/a.png"]
        assert list(journal.names(".")) == ["smear/b.png", "smear-2/a.png", "smear/sub/c.png", "smear/a.png"]
        assert list(journal.names(str(tmp_path / "smear-2"))) == [str(tmp_path / "smear-2" / "a.png")]
    assert key("smear/a.png") == os.fsencode(tmp_path / "smear" / "a.png")


def test_other_settings_are_refused(tmp_path: Path) -> None:
    """A journal of another model is not mixed with: one line says what differs and what to do; nothing is added."""
    with Journal(tmp_path / "j", SETTINGS) as journal:
        journal.add(good("a.png"), ONE, "aa")
    for name, value in (("model_sha256", "00" * 32), ("classes", ["a", "b"]), ("review_below", 0.75)):
        with pytest.raises(UserError, match=f"another model or other settings .{name} was .*--journal, or delete") as e:
            Journal(tmp_path / "j", {**SETTINGS, name: value})
        assert "\n" not in str(e.value)
    asked = sqlite3.connect(tmp_path / "j")
    assert asked.execute("SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM answers)").fetchone() == (1, 1)
    asked.close()


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    """Text, another program's database, a journal of a later version, a folder, a file as folder: one line each."""
    (tmp_path / "text").write_text("path,label\n" * 200)
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE t (x)")
    other.commit()
    other.close()
    Journal(tmp_path / "later", SETTINGS).close()
    later = sqlite3.connect(tmp_path / "later")
    later.execute("PRAGMA user_version = 2")
    later.close()
    (tmp_path / "folder").mkdir()
    for name, reason in (
        ("text", "is not a journal, or is damaged"),
        ("other", "is not a journal of edgewbc"),
        ("later", "a journal of version 2, and this edgewbc writes 1"),
        ("folder", "cannot be written here"),
        ("text/j", "cannot be written: "),
    ):
        with pytest.raises(UserError, match=f"{name}: {reason}"):
            Journal(tmp_path / name, SETTINGS)
    assert (tmp_path / "text").read_text() == "path,label\n" * 200
    (tmp_path / "empty").touch()
    Journal(tmp_path / "empty", SETTINGS).close()


HOLD = """
import sys
from pathlib import Path
from edgewbc.lab.journal import Journal, Version
from edgewbc.lab.classify import Row
journal = Journal(Path(sys.argv[1]), {"model_sha256": "ff" * 32, "classes": ["neutrophil", "lymphocyte"], "review_below": 0.5})
for n in range(50):
    journal.add(Row(f"{n}.png", "neutrophil", 0.75, {"neutrophil": 0.75, "lymphocyte": 0.25}), Version(1, n), "aa")
print("ready", flush=True)
sys.stdin.read()
"""  # noqa: E501


def test_one_at_a_time_and_no_stale_lock(tmp_path: Path) -> None:
    """While another process has it, it is refused in a line; killed, that process leaves no lock and loses nothing."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "j"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        with pytest.raises(UserError, match="j: another edgewbc is writing it: wait"):
            Journal(tmp_path / "j", SETTINGS)
        other.kill()
    with Journal(tmp_path / "j", SETTINGS) as journal:
        assert all(journal.holds(f"{n}.png", Version(1, n)) for n in range(50))
        with pytest.raises(UserError, match="another edgewbc is writing it"):
            Journal(tmp_path / "j", SETTINGS)


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    """When there is no more room the line says so; what was answered is there, and with room it goes on."""
    path = tmp_path / "j"
    done = 0
    with Journal(path, SETTINGS) as journal:
        journal._database.execute("PRAGMA max_page_count = 20")

        def fill() -> None:
            nonlocal done
            for n in range(10_000):
                journal.add(good(f"{n:0200}.png"), ONE, "aa")
                done = n + 1

        with pytest.raises(UserError, match="j: the disk is full; every answer until here is kept: make room") as e:
            fill()
        assert "\n" not in str(e.value)
    assert done > 20
    with Journal(path, SETTINGS) as journal:
        assert sum(1 for _ in journal.rows(f"{n:0200}.png" for n in range(10_000))) == done
        journal.add(good(f"{done:0200}.png"), ONE, "aa")


def test_what_is_settled_needs_no_log(tmp_path: Path) -> None:
    """After `settle` the file alone holds every answer, as it stands on the disk."""
    journal = Journal(tmp_path / "j", SETTINGS)
    journal.add(good("a.png"), ONE, "aa")
    journal.settle()
    (tmp_path / "copy").write_bytes((tmp_path / "j").read_bytes())
    journal.close()
    with Journal(tmp_path / "copy", SETTINGS) as copy:
        assert copy.holds("a.png", ONE)


def test_a_private_journal_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path the answers are kept all the same, and no file is left."""
    monkeypatch.chdir(tmp_path)
    with Journal(None, SETTINGS) as journal:
        journal.add(good("a.png"), ONE, "aa")
        journal.settle()
        assert journal.row("a.png") == good("a.png")
    assert list(tmp_path.iterdir()) == []
