"""Finding pictures: files, folders in folders, hidden files and links."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.images.discover import find
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
    """Pictures in all folders are found, sorted; hidden ones and other files are left out."""
    assert names(find([tree]), tree) == ["a.png", "b.JPG", "sub/c.tif", "sub/deeper/d.webp"]


def test_a_named_file_is_always_taken(tree: Path) -> None:
    """A file that is named is taken whatever its name, in the order of naming, and once."""
    found = find([tree / "notes.txt", tree / "sub", tree / "sub/c.tif", tree / ".hidden.png"])
    assert names(found, tree) == ["notes.txt", "sub/c.tif", "sub/deeper/d.webp", ".hidden.png"]


def test_links_do_not_go_round(tree: Path) -> None:
    """A link back up is not followed; a link to a picture is taken."""
    try:
        (tree / "sub/up").symlink_to(tree, target_is_directory=True)
        (tree / "sub/z.png").symlink_to(tree / "a.png")
    except OSError:
        pytest.skip("this system does not let us make links")
    assert names(find([tree]), tree) == ["a.png", "b.JPG", "sub/c.tif", "sub/deeper/d.webp", "sub/z.png"]


def test_missing_and_empty_are_refused(tree: Path, tmp_path: Path) -> None:
    """A path that does not exist and a folder without pictures are errors that name it."""
    with pytest.raises(UserError, match="gone: no such file or folder"):
        find([tree, tmp_path / "gone"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no images in this folder"):
        find([tmp_path / "empty"])


def test_names_are_those_of_the_paths(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is what a path prints, from where the command runs too, in the order of the paths' parts."""
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
    assert names_of([Path("sub"), tree / "sub"]) == [*names_of([Path("sub")]), *names_of([tree / "sub"])]
