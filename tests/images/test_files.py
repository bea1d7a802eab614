"""Reading a file completely and consistently, or with a reason why not."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from edgewbc.images import files
from edgewbc.images.decode import ImageError
from edgewbc.images.files import FileVersion, read


def test_contents_and_version(tmp_path: Path) -> None:
    """Bytes, hash, size and time of a file, under a name with quotes, a line feed and letters of another script."""
    path = tmp_path / "zelle 'a\" \u767d\u8840\u7403.bin"
    path.write_bytes(b"abc")
    os.utime(path, ns=(5, 1_600_000_000_123_456_700))
    found = read(path)
    assert found.data == b"abc"
    assert found.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert found.version == FileVersion.of(path.stat())
    assert (found.version.size, found.version.mtime_ns) == (3, path.stat().st_mtime_ns)


def test_an_empty_file_is_read(tmp_path: Path) -> None:
    """`decode` reports that it is not an image, not `read`."""
    (tmp_path / "e").touch()
    assert read(tmp_path / "e").data == b""


def test_what_is_not_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, a folder, under a file, an invalid name, too large: each has its reason."""
    (tmp_path / "f").write_bytes(b"abcd")
    for path, reason in (
        (tmp_path / "gone", "no such file"),
        (tmp_path, "not a file"),
        (tmp_path / "f" / "g", "no such file"),
        (tmp_path / "a\0b", "no such file"),
    ):
        with pytest.raises(ImageError, match=reason):
            read(path)
    monkeypatch.setattr(files, "MAX_BYTES", 3)
    with pytest.raises(ImageError, match="too large"):
        read(tmp_path / "f")


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes and links in the file system")
def test_pipes_and_circles(tmp_path: Path) -> None:
    """A pipe is refused without waiting, and a circular link does not exist."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(ImageError, match="not a file"):
        read(tmp_path / "pipe")
    with pytest.raises(ImageError, match="no such file"):
        read(tmp_path / "circle")


def test_a_locked_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A locked file and a failing disk each give their reason."""
    (tmp_path / "f").write_bytes(b"abcd")
    for error, reason in (
        (PermissionError(13, "Permission denied"), "no permission, or another program has locked it"),
        (OSError(5, "Input/output error"), "cannot be read: Input/output error"),
    ):

        def refuse(*_: Any, error: OSError = error, **__: Any) -> Any:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(os, "open", refuse)
            with pytest.raises(ImageError, match=reason):
                read(tmp_path / "f")


def test_short_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is read completely if the system returns it in pieces."""
    (tmp_path / "f").write_bytes(bytes(range(200)))
    real = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, length: real(descriptor, min(length, 7)))
    assert read(tmp_path / "f").data == bytes(range(200))


def test_a_folder_that_does_not_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to open a folder; elsewhere only one without permission: the reason says so."""

    def refuse(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ImageError, match="not a file"):
        read(tmp_path)


@pytest.mark.parametrize("change", ["grows", "shrinks", "is written anew"])
def test_a_file_that_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """A file that is written to while it is being read is refused: it may be half of one image and half of another."""
    path = tmp_path / "f"
    path.write_bytes(b"abcd")
    real, calls = os.fstat, 0

    def fstat(handle: int) -> os.stat_result:
        nonlocal calls
        calls += 1
        found = real(handle)
        if calls == 1 and change == "grows":
            path.write_bytes(b"abcdefg")
        if calls == 1 and change == "shrinks":
            path.write_bytes(b"ab")
        if calls == 1 and change == "is written anew":
            os.utime(path, ns=(5, found.st_mtime_ns + 10**9))
        return found

    monkeypatch.setattr(os, "fstat", fstat)
    with pytest.raises(ImageError, match="changed while it was being read"):
        read(path)


@pytest.mark.skipif(sys.platform == "win32", reason="the system reports other values")
def test_versions_fit_into_64_bits() -> None:
    """Times that some file systems report and that no database takes are clamped; a coarse change time is not used."""
    here = Path(__file__).stat()
    values = list(here)
    far = {"st_atime_ns": 0, "st_mtime_ns": 2**70, "st_ctime_ns": -(2**70) - 1}
    values[stat.ST_INO] = 2**64 - 1
    odd = os.stat_result(values, {**_fields(here), **far})
    version = FileVersion.of(odd)
    assert (version.mtime_ns, version.ctime_ns, version.inode) == (2**63 - 1, -(2**63) + 1, 2**63 - 1)
    assert version.certain
    assert not FileVersion.of(os.stat_result(values, {**_fields(here), "st_ctime_ns": 10**18})).certain


def _fields(status: os.stat_result) -> dict[str, Any]:
    return {name: getattr(status, name) for name in dir(status) if name.startswith("st_")}
