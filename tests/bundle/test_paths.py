"""Names in a bundle: portable, distinct, and inside its folder."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from tests.fuzz_bundles import SECRET, files, seal, written

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes and links")


@pytest.mark.parametrize(
    "name",
    ["CON", "nul.txt", "a/COM1", "aux .x/b", "lpt9", "a.", "a ", "file:stream", "CARD.md::$DATA", "//host/share/x",
     "\\\\host\\x", "a//b", "./a", "a/", ".", "a?", "a\tb", "c:/x"],
)  # fmt: skip
def test_unportable_names_are_rejected(tmp_path: Path, name: str) -> None:
    """Device names, streams, shares, drives and names that are not normalized."""
    listed = seal(files()) + f"{hashlib.sha256(b'').hexdigest()}  {name}\n".encode()
    with pytest.raises(UserError, match="SHA256SUMS has an invalid line"):
        Bundle.open(written(tmp_path / "b", sums=listed))


@pytest.mark.parametrize("name", ["card.md", "CARD.md", "OpenVINO/int8.xml"])
def test_names_that_collide_are_rejected(tmp_path: Path, name: str) -> None:
    """A file listed twice, or under two spellings that are one file on Windows and macOS."""
    listed = seal(files()) + f"{hashlib.sha256(b'').hexdigest()}  {name}\n".encode()
    with pytest.raises(UserError, match="are one file to some systems|is listed twice"):
        Bundle.open(written(tmp_path / "b", sums=listed))


@posix
def test_named_pipes_are_rejected_without_blocking(tmp_path: Path) -> None:
    """A named pipe in place of a file is rejected."""
    path = written(tmp_path / "b", {"pipe": b""})
    (path / "pipe").unlink()
    os.mkfifo(path / "pipe")
    with pytest.raises(UserError, match="pipe is not a plain file"):
        Bundle.open(path).verify()


@posix
def test_linked_folder_outside_the_bundle_is_rejected(tmp_path: Path) -> None:
    """A folder of the bundle must not be a link to a folder outside."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x").write_bytes(SECRET)
    path = written(tmp_path / "b", sums=seal({**files(), "more/x": SECRET}))
    (path / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="more/x leads out of the bundle"):
        Bundle.open(path).verify()
