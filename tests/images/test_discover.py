"""Finding images: files, subfolders, hidden files, system folders and links."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.errors import UserError
from edgewbc.images.discover import find, search
from edgewbc.images.discover import names as names_of


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.JPG", "a.png", "sub/c.tif", "sub/deeper/d.webp", ".hidden.png", ".git/e.png", "notes.txt"):
        file = tmp_path / "tree" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path / "tree"


def names(found: list[Path], top: Path) -> list[str]:
    return [path.relative_to(top).as_posix() for path in found]


def test_folders_are_searched_to_the_bottom(tree: Path) -> None:
    """Images in all subfolders are found, sorted; hidden ones and other files are left out."""
    assert names(find([tree]), tree) == ["a.png", "b.JPG", "sub/c.tif", "sub/deeper/d.webp"]


def test_a_named_file_is_always_included(tree: Path) -> None:
    """A file given by name is included whatever its name, in the given order, and once."""
    found = find([tree / "notes.txt", tree / "sub", tree / "sub/c.tif", tree / ".hidden.png"])
    assert names(found, tree) == ["notes.txt", "sub/c.tif", "sub/deeper/d.webp", ".hidden.png"]


def test_a_file_that_is_named_in_two_ways_is_found_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its absolute name and by one in the current folder: it would be counted twice. The first name stays."""
    monkeypatch.chdir(tree)
    found = search([Path("sub"), tree / "sub", tree / "a.png"], listed=["a.png", str(tree / "b.JPG"), "s3://x/a.png"])
    relative = [str(Path("sub/c.tif")), str(Path("sub/deeper/d.webp"))]
    assert found.names == [*relative, str(tree / "a.png"), str(tree / "b.JPG"), "s3://x/a.png"]


def test_links_do_not_cause_loops(tree: Path) -> None:
    """A link to a parent folder is not followed, and reported; a link to an image is included."""
    try:
        (tree / "sub/up").symlink_to(tree, target_is_directory=True)
        (tree / "sub/z.png").symlink_to(tree / "a.png")
    except OSError:
        pytest.skip("this system does not allow links")
    assert names(find([tree]), tree) == ["a.png", "b.JPG", "sub/c.tif", "sub/deeper/d.webp", "sub/z.png"]
    assert str(tree / "sub/up") in search([tree]).skipped


def test_missing_and_empty_are_refused(tree: Path, tmp_path: Path) -> None:
    """A path that does not exist and a folder without images are errors that name it."""
    with pytest.raises(UserError, match="gone: no such file or folder"):
        find([tree, tmp_path / "gone"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no images in this folder"):
        find([tmp_path / "empty"])


def test_system_folders_are_not_searched(tmp_path: Path) -> None:
    """Deleted images, thumbnails and copies are left out, whatever the case of their folder's name, and reported."""
    folders = ["$RECYCLE.BIN/S-1-5-21", "$Recycle.Bin", "System Volume Information", ".Trash-1000/files", ".Trashes"]
    folders += ["@eaDir", "lost+found", "__MACOSX", "sub/#recycle", "RECYCLER"]
    for name in [*folders, "sub"]:
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "a.png").touch()
    for name in ("Thumbs.db", "desktop.ini", "b.heic", "c.HEIC", "notes", "._a.png"):
        (tmp_path / name).touch()
    found = search([tmp_path])
    assert found.names == [str(tmp_path / "sub" / "a.png")]
    assert sorted(Path(name).name for name in found.skipped) == sorted(
        {name.split("/")[-1 if name.startswith("sub") else 0] for name in folders}
    )
    assert found.others == {".heic": 2, "without a suffix": 1, "hidden": 1}
    assert (
        found.remarks()[0]
        == "left out, because the name is not that of an image: 2 .heic, 1 hidden, 1 without a suffix"
    )
    assert found.remarks()[1].startswith("folders not searched (system, hidden or linked): ")
    assert found.remarks()[1].endswith(" and 7 more")
    assert names(find([tmp_path / "lost+found"]), tmp_path) == ["lost+found/a.png"]  # it was asked for


def test_what_the_command_writes_is_not_worth_a_remark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The results file, the journal and the files next to it may be among the images."""
    for name in ("a.png", "x.csv", "x.csv.journal", "x.csv.journal-wal", "y.csv"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert search([Path()], ours=[Path("x.csv")]).others == {".csv": 1}
    assert search([Path()]).others == {".csv": 2, ".journal": 1, ".journal-wal": 1}


def test_a_subfolder_that_cannot_be_read_is_reported(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is among the names, so that it becomes a row; everything else is found. A folder that was named is refused."""
    shut, scan = str(tree / "sub" / "deeper"), os.scandir

    def refuse(path: str) -> Any:
        if path == shut:
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = search([tree])
    assert names([Path(name) for name in found.names], tree) == ["a.png", "b.JPG", "sub/c.tif", "sub/deeper"]
    assert found.unreadable == {shut: "Permission denied"}
    assert f"{shut}: this folder cannot be read: Permission denied" in found.remarks()
    with pytest.raises(UserError, match="deeper: this folder cannot be read: Permission denied"):
        search([Path(shut)])


def test_deep_trees_are_searched(tmp_path: Path) -> None:
    """Folders may be nested more deeply than functions; what has too long a name for the system becomes a row."""
    here = os.getcwd()  # noqa: PTH109
    try:
        os.chdir(tmp_path)
        for _ in range(1500):
            Path("d").mkdir()
            os.chdir("d")
        Path("a.png").touch()
        os.chdir(tmp_path)
        assert names_of([Path()]) == ["d/" * 1500 + "a.png"]
        for part in ("e" * 200,) * 25:
            Path(part).mkdir()
            os.chdir(part)
        os.chdir(tmp_path)
        deep = search([Path()])
        assert list(deep.unreadable.values()) == ["File name too long"]
        assert deep.names[-1] in deep.unreadable
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-rf", tmp_path], check=True)  # noqa: S607 - shutil.rmtree cannot go that deep


@given(
    st.lists(
        st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & {0, 47} and name not in (b".", b"..")),
        max_size=6,
        unique=True,
    )
)
@settings(max_examples=40, deadline=None)
def test_every_entry_is_found_or_accounted_for(tmp_path_factory: pytest.TempPathFactory, raw: list[bytes]) -> None:
    """Whatever the names of files and folders, each image is found once, and each other entry is counted."""
    top = tmp_path_factory.mktemp("wild")
    for number, name in enumerate(raw):
        path = top / os.fsdecode(name)
        if number % 2:
            path.mkdir()
            (path / "x.png").touch()
        else:
            path.touch()
    (top / "a.PNG").touch()
    found = search([top])
    assert len(found.names) == len(set(found.names))
    assert all(Path(name).is_file() for name in found.names)
    assert not found.unreadable
    silent = sum(path.name.lower() in {"thumbs.db", "desktop.ini"} for path in top.iterdir())
    assert len(found.names) + len(found.skipped) + found.others.total() + silent == len(list(top.iterdir()))


def test_names_are_those_of_the_paths(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name equals `str(path)`, also for the current folder, in the order of the parts of the paths."""
    (tree / "sub.png").touch()
    (tree / "~$a.png").touch()
    monkeypatch.chdir(tree)
    assert (
        names_of([Path()])
        == [str(path) for path in find([Path()])]
        == [
            "a.png",
            "b.JPG",
            str(Path("sub/c.tif")),
            str(Path("sub/deeper/d.webp")),
            "sub.png",
        ]
    )
    assert find([tree]) == sorted(find([tree]), key=lambda path: path.parts)
    assert names_of([Path("sub"), tree / "a.png"]) == [*names_of([Path("sub")]), *names_of([tree / "a.png"])]
