"""Leftovers of killed runs are removed; files in use and other files are not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgewbc.utils import temporaries
from edgewbc.utils.files import whole_folder, write_text

CHILD = """
import sys, time
from pathlib import Path
from edgewbc.utils.files import atomic_write, whole_folder
how = whole_folder if sys.argv[1] == "folder" else atomic_write
with how(Path(sys.argv[2])) as temporary:
    if sys.argv[1] == "folder":
        (temporary / "part").write_text("half")
    else:
        temporary.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""

pytestmark = pytest.mark.skipif(not temporaries.HAVE_LOCKS, reason="left-overs are removed by age there")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset the module state, as in a new process that has not removed anything yet."""
    monkeypatch.setattr(temporaries, "_cleaned", set())


def _begin(kind: str, path: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen([sys.executable, "-c", CHILD, kind, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path, kind: str) -> None:
    """A temporary file stays while its process runs; once that is killed, the next write removes it."""
    target = tmp_path / "rows.csv"

    def write() -> None:
        temporaries._cleaned.clear()
        if kind == "file":
            write_text(target, "whole")
        else:
            with whole_folder(target) as folder:
                (folder / "a").write_text("whole")

    child = _begin(kind, target)
    try:
        (held,) = tmp_path.iterdir()
        write()
        assert held.exists()
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    assert held.exists()
    if kind == "folder":
        (target / "a").unlink()
    write()
    assert list(tmp_path.iterdir()) == [target]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """Other names, links, folders with other content, and leftovers of another target stay."""
    keep = [".rows.csv.backup", ".rows.csv.ABCDEFGH.csv", ".other.csv.abcdefgh.csv", "rows.csv.abcdefgh.csv"]
    for name in keep:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".rows.csv.mine0000").mkdir()
    (tmp_path / ".rows.csv.mine0000" / "photo").write_text("mine")
    (tmp_path / ".rows.csv.linked00.csv").symlink_to(tmp_path / keep[0])
    (tmp_path / ".rows.csv.abcdefgh.csv").write_text("left over")
    write_text(tmp_path / "rows.csv", "new")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*keep, ".rows.csv.mine0000", ".rows.csv.linked00.csv", "rows.csv"}


def test_temporary_removed_by_another_run_is_created_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If another run removes it between creation and locking, a new one is used."""
    hold = temporaries._hold
    names: list[str] = []

    def steal(handle: int, name: str) -> bool:
        if not names:
            os.unlink(name)  # noqa: PTH108
        names.append(name)
        return hold(handle, name)

    monkeypatch.setattr(temporaries, "_hold", steal)
    write_text(tmp_path / "a.txt", "whole")
    assert len(names) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
