"""Finding new and changed images in folders with few system calls."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from edgewbc.images.files import FileVersion
from edgewbc.lab.folder_scan import FULL_SCAN_INTERVAL, FolderScan


class Clock:
    """Each reading of it takes `tick` seconds."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now, self.tick = 0.0, tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the folders that were listed."""
    found: list[str] = []
    real = os.scandir

    def scandir(path: str) -> Any:
        found.append(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    return found


def changes(folders: FolderScan, top: Path) -> list[str]:
    found = list(folders.changes())
    for name, version in found:
        assert version == FileVersion.of(Path(name).stat())
    return sorted(Path(name).relative_to(top).as_posix() for name, _ in found)


def test_each_change_is_reported_once(tmp_path: Path) -> None:
    """New, changed and restored images, also in later subfolders; no hidden, temporary or other files."""
    folders = FolderScan([str(tmp_path)], Clock())
    for name in ("b.png", "a.JPG", ".c.png", "~$d.png", "e.png.part", "notes.txt"):
        (tmp_path / name).touch()
    assert changes(folders, tmp_path) == ["a.JPG", "b.png"]
    assert changes(folders, tmp_path) == []
    (tmp_path / "b.png").write_bytes(b"more")
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "sub" / "deep" / "f.tif").touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "g.png").touch()
    assert changes(folders, tmp_path) == ["b.png", "sub/deep/f.tif"]
    (tmp_path / "a.JPG").unlink()
    assert changes(folders, tmp_path) == []
    (tmp_path / "a.JPG").touch()
    assert changes(folders, tmp_path) == ["a.JPG"]


def test_noted_versions_are_not_reported(tmp_path: Path) -> None:
    """A version that the caller noted is not a change; a forgotten file is new."""
    path = tmp_path / "a.png"
    path.touch()
    folders = FolderScan([str(tmp_path)], Clock())
    assert changes(folders, tmp_path) == ["a.png"]
    path.write_bytes(b"more")
    folders.note(str(path), FileVersion.of(path.stat()))
    assert changes(folders, tmp_path) == []
    folders.forget(str(path))
    assert changes(folders, tmp_path) == ["a.png"]
    folders.note(str(tmp_path / "elsewhere" / "a.png"), FileVersion(1, 1))
    folders.forget(str(tmp_path / "elsewhere" / "a.png"))


def test_names_are_those_of_a_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names in the current folder have no folder in front, and can be noted so."""
    monkeypatch.chdir(tmp_path)
    Path("a.png").touch()
    folders = FolderScan(["."], Clock())
    assert [name for name, _ in folders.changes()] == ["a.png"]
    Path("a.png").write_bytes(b"more")
    folders.note("a.png", FileVersion.of(Path("a.png").stat()))
    assert list(folders.changes()) == []


def test_a_quiet_folder_is_not_listed(tmp_path: Path, listed: list[str]) -> None:
    """If listing is slow, a folder is listed when its modification time changes, and in full from time to time."""
    clock = Clock(tick=1.0)
    folders = FolderScan([str(tmp_path)], clock)
    (tmp_path / "a.png").touch()
    assert changes(folders, tmp_path) == ["a.png"]
    listed.clear()
    (tmp_path / "a.png").write_bytes(b"more")  # in place: the folder's own time does not change
    assert changes(folders, tmp_path) == []
    assert listed == []
    (tmp_path / "b.png").touch()
    os.utime(tmp_path, ns=(1, 1))
    assert changes(folders, tmp_path) == ["b.png"]
    assert listed == [str(tmp_path)]
    clock.now += 2 * FULL_SCAN_INTERVAL
    assert changes(folders, tmp_path) == ["a.png"]


def test_an_unavailable_folder_is_reported_and_recovers(tmp_path: Path) -> None:
    """The problem is reported while it lasts; a deleted subfolder is not a problem."""
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    (top / "sub" / "a.png").touch()
    folders = FolderScan([str(top)], Clock())
    assert changes(folders, top) == ["sub/a.png"]
    (top / "sub" / "a.png").unlink()
    (top / "sub").rmdir()
    assert (changes(folders, top), folders.problems) == ([], {})
    top.rmdir()
    assert changes(folders, top) == []
    assert list(folders.problems) == [str(top)]
    top.mkdir()
    (top / "b.png").touch()
    assert (changes(folders, top), folders.problems) == (["b.png"], {})
