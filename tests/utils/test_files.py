"""Tests of `edgewbc.utils.files`."""

import errno
import hashlib
import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.utils.files import (
    atomic_write,
    flush_folder,
    numbered,
    occupied,
    read_json,
    sha256,
    whole_folder,
    write_json,
    write_text,
)


def test_hash_of_several_files_is_that_of_their_bytes_together(tmp_path: Path) -> None:
    """`cat a b | sha256sum` gives the same."""
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"two")
    assert sha256(tmp_path / "a", tmp_path / "b") == hashlib.sha256(b"onetwo").hexdigest()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """If writing fails halfway, the old content stays and no temporary file is left."""
    (tmp_path / "f.json").write_text("old")

    def half() -> None:
        with atomic_write(tmp_path / "f.json") as temporary:
            temporary.write_text("half")
            raise RuntimeError("full disk")

    with pytest.raises(RuntimeError, match="full disk"):
        half()
    assert [(f.name, f.read_text()) for f in tmp_path.iterdir()] == [("f.json", "old")]


def test_json_round_trip_and_nan(tmp_path: Path) -> None:
    """JSON is read back unchanged; NaN, which is not JSON, is refused and nothing is written."""
    write_json(tmp_path / "a.json", {"ü": [1, None]})
    assert read_json(tmp_path / "a.json", "x") == {"ü": [1, None]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", float("nan"))
    assert not (tmp_path / "b.json").exists()


def test_reading_errors_name_the_file(tmp_path: Path) -> None:
    """Missing and unreadable files are errors of one line."""
    with pytest.raises(UserError, match=r"a.json: no such file; expected a list"):
        read_json(tmp_path / "a.json", "a list")
    (tmp_path / "a.json").write_bytes(b"\xff")
    with pytest.raises(UserError, match=r"a.json: cannot be read as a list"):
        read_json(tmp_path / "a.json", "a list")


def test_folder_is_created_atomically(tmp_path: Path) -> None:
    """An error in the block leaves nothing; on success the folder exists, and scratch files are removed."""

    def made(fails: bool) -> None:
        with whole_folder(tmp_path / "deep" / "to") as folder:
            (folder / "a").write_text("1")
            folder.with_name("scratch").mkdir()
            if fails:
                raise RuntimeError("full disk")

    with pytest.raises(RuntimeError, match="full disk"):
        made(True)
    assert list((tmp_path / "deep").iterdir()) == []
    (tmp_path / "deep" / "to").mkdir()
    made(False)
    assert [path.relative_to(tmp_path).as_posix() for path in sorted((tmp_path / "deep").rglob("*"))] == [
        "deep/to", "deep/to/a",
    ]  # fmt: skip


def test_occupied(tmp_path: Path) -> None:
    """Files, even empty ones, and non-empty folders are occupied."""
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert [occupied(tmp_path / name) for name in ("file", "empty", "full", "none")] == [True, False, True, False]


def test_names_are_numbered_from_the_second(tmp_path: Path) -> None:
    """The first name has no number, the second ends in -2."""
    assert [path.name for path in islice(numbered(tmp_path / "run"), 3)] == ["run", "run-2", "run-3"]


def test_write_through_a_link_replaces_its_target(tmp_path: Path) -> None:
    """Writing to a link, even a dangling one, keeps the link; its target has the new content."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_text("old")
    for name in ("a.txt", "new.txt"):
        link = tmp_path / name
        link.symlink_to(Path("real") / name)
        write_text(link, "new")
        assert link.is_symlink()
        assert (tmp_path / "real" / name).read_text() == "new"
    assert sorted(path.name for path in (tmp_path / "real").iterdir()) == ["a.txt", "new.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_or_device_is_not_replaced(tmp_path: Path) -> None:
    """Writing to it, directly or through a link, is an error of one line and does not change it."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for path, kind in ((tmp_path / "pipe", "a pipe"), (tmp_path / "link", "a pipe"), (Path(os.devnull), "a device")):
        before = path.stat().st_mode
        with pytest.raises(UserError, match=f"is {kind}.*name another file"):
            write_text(path, "x")
        assert path.stat().st_mode == before
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(OSError, match="symbolic links"):
        write_text(tmp_path / "round", "x")


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be opened on Windows")
def test_the_folder_is_flushed_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is flushed, renamed, then its folder is flushed; new parent folders are flushed too."""
    seen: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def flush(handle: int) -> None:
        seen.append(str(Path(f"/proc/self/fd/{handle}").readlink()) if Path("/proc/self/fd").exists() else "?")
        fsync(handle)

    def rename(self: Path, to: Path) -> Path:
        seen.append("rename")
        return replace(self, to)

    monkeypatch.setattr("edgewbc.utils.files.os.fsync", flush)
    monkeypatch.setattr(Path, "replace", rename)
    write_text(tmp_path / "new" / "a.txt", "x")
    if "?" not in seen:
        assert seen[0] == str(tmp_path)  # holds the name of "new"
        assert seen[2:] == ["rename", str(tmp_path / "new")]
        assert Path(seen[1]).name.startswith(".a.txt.")
    assert seen.index("rename") == 2


def test_a_file_system_that_cannot_flush_folders_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EINVAL, which some network shares return, is ignored; a disk error is raised."""

    def fails(code: int) -> Callable[[int], None]:
        def fsync(handle: int) -> None:
            raise OSError(code, os.strerror(code))

        return fsync

    monkeypatch.setattr("edgewbc.utils.files.os.fsync", fails(errno.EINVAL))
    flush_folder(tmp_path)
    if os.name != "nt":
        monkeypatch.setattr("edgewbc.utils.files.os.fsync", fails(errno.EIO))
        with pytest.raises(OSError, match="error"):
            flush_folder(tmp_path)
