"""Local copies of images behind URLs: in order, fetched ahead, removed when done; a file is read where it is."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from edgewbc.archive import remote
from edgewbc.archive.remote import AHEAD, LocalCopies
from edgewbc.errors import UserError
from edgewbc.images.files import NOT_READ, FileVersion
from edgewbc.lab.prepared_image import ImageResult

pytestmark = pytest.mark.skipif(find_spec("fsspec") is None, reason="fsspec is not installed (extra archive)")


def result(path: Path, error: str = "") -> ImageResult:
    """What the pipeline says of a file."""
    return ImageResult(path, "hash", NOT_READ if error else FileVersion(3, 4, 5, 6), error=error)


def test_files_are_read_where_they_are() -> None:
    """Without a URL there is neither a folder nor a thread, and a result stays as it is."""
    with LocalCopies(["a.png", "b.png"]) as copies:
        assert list(copies.paths()) == [Path("a.png"), Path("b.png")]
        own = result(Path("a.png"))
        assert copies.finish("a.png", own) is own


def test_urls_are_copied_in_order(tmp_path: Path) -> None:
    """More than are fetched at a time, and a file among them; a copy goes when it is done with, its folder last."""
    names = []
    for number in range(3 * AHEAD):
        (tmp_path / f"{number}.png").write_bytes(b"%d" % number)
        names.append((tmp_path / f"{number}.png").as_uri())
    names[5] = str(tmp_path / "5.png")
    with LocalCopies(names) as copies:
        seen = []
        for name, path in zip(names, copies.paths(), strict=True):
            seen.append(path.read_bytes())
            done = copies.finish(name, result(path))
            assert path.exists() == (name == names[5])
            assert done.version == (FileVersion(3, 4, 5, 6) if name == names[5] else FileVersion(3, 0))
        folder = path.parent
        assert folder.is_dir()
    assert seen == [b"%d" % number for number in range(3 * AHEAD)]
    assert not folder.exists()


def test_what_cannot_be_fetched_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file for a URL that leads nowhere or to too much; the reason takes the place of the pipeline's."""
    monkeypatch.setattr(remote, "MAX_BYTES", 1 << 20)
    (tmp_path / "large.png").write_bytes(b"x" * ((1 << 20) + 1))
    names = [(tmp_path / name).as_uri() for name in ("gone.png", "large.png")]
    with LocalCopies(names) as copies:
        paths = list(copies.paths())
        assert not any(path.exists() for path in paths)
        gone, large = (
            copies.finish(name, result(path, "cannot be read")) for name, path in zip(names, paths, strict=True)
        )
    assert gone.error.startswith("cannot be fetched: ")
    assert large.error == "too large: the file has more than 1 MiB"


def test_a_kind_of_url_that_nobody_knows_ends_the_run() -> None:
    """In one line that names the URL."""
    with (
        LocalCopies(["nosuch://a/b.png"]) as copies,
        pytest.raises(UserError, match=r"^nosuch://a/b.png: .*fsspec knows$"),
    ):
        list(copies.paths())
