"""Images behind URLs, fetched in this process."""

from __future__ import annotations

import os
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgewbc.archive import remote
from edgewbc.archive.remote import LocalCopies
from edgewbc.errors import UserError
from edgewbc.images.files import NOT_READ
from edgewbc.lab.prepared_image import ImageResult

pytestmark = pytest.mark.skipif(find_spec("fsspec") is None, reason="fsspec is not installed (extra archive)")


def test_files_and_urls(tmp_path: Path) -> None:
    """A file is read where it is, a URL from a copy that is removed; what is not there, or a folder, has an error."""
    file = tmp_path / "a.png"
    file.write_bytes(b"bytes")
    url = file.as_uri()
    urls = [url, url.replace("file:", "FILE:"), (tmp_path / "none.png").as_uri(), tmp_path.as_uri()]
    with LocalCopies([str(file), *urls]) as copies:
        first, *paths = copies.paths()
        assert first == file
        assert [path.read_bytes() for path in paths if path.exists()] == [b"bytes"] * 2
        results = [
            copies.finish(one, ImageResult(path, "", NOT_READ, error="-"))
            for one, path in zip(urls, paths, strict=True)
        ]
        assert not any(path.exists() for path in paths)
    assert [result.error.partition(":")[0] for result in results] == ["-", "-", *["cannot be fetched"] * 2]
    assert not paths[0].parent.exists()


def test_images_in_archives(tmp_path: Path) -> None:
    """An image within a zip file is fetched; a zip file that is not there, or is none, is an error of its images."""
    with zipfile.ZipFile(tmp_path / "cells.zip", "w") as file:
        file.writestr("a.png", b"bytes")
    (tmp_path / "text.zip").write_bytes(b"text")
    names = ("cells", "none", "text")
    urls = [f"zip://a.png::{(tmp_path / f'{name}.zip').as_uri()}" for name in names]
    urls.append(urls[0].replace("a.png", "b.png"))
    with LocalCopies(urls) as copies:
        paths = list(copies.paths())
        assert [path.read_bytes() for path in paths if path.exists()] == [b"bytes"]
        results = [copies.finish(url, ImageResult(Path(), "", NOT_READ, error="-")) for url in urls]
    assert [result.error.partition(":")[0] for result in results] == ["-", *["cannot be fetched"] * 3]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a device that is full")
def test_no_room_for_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends with one line, rather than with an error for each image."""
    (tmp_path / "a.png").write_bytes(b"bytes")
    begin = Path.open
    full = Path("/dev/full")
    monkeypatch.setattr(Path, "open", lambda path, mode, **how: begin(full if mode == "wb" else path, mode, **how))
    url = (tmp_path / "a.png").as_uri()
    with LocalCopies([url]) as copies, pytest.raises(UserError, match="a.png cannot be copied there .*make room"):
        list(copies.paths())


@pytest.mark.skipif(sys.platform != "linux", reason="needs a device")
def test_a_pipe_or_a_device_is_no_image(tmp_path: Path) -> None:
    """They might never end."""
    os.mkfifo(tmp_path / "pipe.png")
    urls = [(tmp_path / "pipe.png").as_uri(), "file:///dev/zero"]
    with LocalCopies(urls) as copies:
        assert not any(path.exists() for path in copies.paths())
        results = [copies.finish(url, ImageResult(Path(), "", NOT_READ, error="-")) for url in urls]
    assert [result.error for result in results] == ["cannot be fetched: not a file"] * 2


def test_a_large_image_is_copied_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory holds a block of it; of one that is too large, nothing stays."""
    monkeypatch.setattr(remote, "_BLOCK", 3)
    monkeypatch.setattr(remote, "MAX_BYTES", 8)
    for name, size in (("empty", 0), ("fits", 8), ("large", 9)):
        (tmp_path / f"{name}.png").write_bytes(bytes(range(size)))
    urls = [(tmp_path / f"{name}.png").as_uri() for name in ("empty", "fits", "large")]
    with LocalCopies(urls) as copies:
        paths = list(copies.paths())
        assert [path.read_bytes() for path in paths if path.exists()] == [b"", bytes(range(8))]
        results = [copies.finish(url, ImageResult(Path(), "", NOT_READ, error="-")) for url in urls]
    assert [result.error.partition(":")[0] for result in results] == ["-", "-", "too large"]
