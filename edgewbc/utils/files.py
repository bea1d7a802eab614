"""File utilities: hashes and atomic writes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from edgewbc.errors import UserError
from edgewbc.utils import temporaries

MAX_JSON = 64 << 20
"""Largest JSON file that is read, in bytes."""


class NotAFile(OSError):
    """A name leads to a pipe, device, socket or folder, which might never end."""


def open_file(path: Path) -> BinaryIO:
    """Open a regular file to read its bytes, without waiting for a pipe or device that has its name.

    Raises:
        NotAFile: it is not a regular file.
        OSError: it does not exist or cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)
    if not stat.S_ISREG(path.stat().st_mode):  # opening a device may have effects
        raise NotAFile("it is not a regular file")
    handle = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):  # exchanged since
            raise NotAFile("it is not a regular file")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes. Raises OSError if it is larger, and as `open_file` does."""
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(size + 1) if size <= limit else b""  # a read allocates as much as it is asked for
        if max(size, len(data)) > limit:
            raise OSError(f"it is larger than {limit >> 20} MiB")
    return data


def parse_json(data: bytes | str) -> Any:
    """Parse JSON as the standard has it: no key twice in an object, no NaN or Infinity.

    Raises:
        ValueError: it is not such JSON, nests too deeply, or has a number of thousands of digits.
    """
    try:
        text = data if isinstance(data, str) else data.decode(json.detect_encoding(data), "surrogatepass")
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:
        if "set_int_max_str_digits" in str(error):  # Python's advice, which is none for a user
            raise ValueError("a number has too many digits") from None
        raise


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        raise ValueError(f"the key {twice[:80]!r} occurs twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_no_constant)


def sha256(*paths: Path) -> str:
    """Return the SHA-256 of the concatenated contents of the files, as `cat A B | sha256sum` does."""
    digest = hashlib.sha256()
    for path in paths:
        with open_file(path) as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def replaceable(path: Path) -> Path:
    """Return the path that writing `path` replaces: the target of a link, else the path itself.

    Raises:
        UserError: a device, pipe or socket has that name; replacing it by a file would destroy it.
        OSError: a circle of links.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return target
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kind = "a device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "a pipe or socket"
        raise UserError(f"{path}: is {kind}, and only a plain file can be replaced: name another file")
    return target


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path that atomically replaces `path` on success and is removed on error.

    If `path` is a link, its target is replaced. File and folder are flushed, so that a power cut leaves the old or the
    new file. What killed runs left next to it is removed.

    Raises:
        UserError: `path` is a device, pipe or socket.
    """
    target = replaceable(path)
    make_folder(target.parent)
    temporaries.remove_leftovers(target)
    with temporaries.temporary_file(target) as temporary:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        _flush(temporary)
        temporary.replace(target)
        flush_folder(target.parent)


@contextmanager
def whole_folder(to: Path) -> Iterator[Path]:
    """Yield a new temporary folder that atomically becomes `to` on success and is removed on error.

    `to` must not be `occupied`. The parent of the temporary folder is removed too, so scratch files can be put there.
    """
    make_folder(to.parent)
    temporaries.remove_leftovers(to)
    with temporaries.temporary_folder(to) as temporary:
        folder = temporary / temporaries.INNER
        folder.mkdir()
        yield folder
        for path in folder.rglob("*"):
            if path.is_dir():
                flush_folder(path)
            elif path.is_file():
                _flush(path)
        flush_folder(folder)
        if to.exists():
            to.rmdir()
        folder.rename(to)
        flush_folder(to.parent)


def make_folder(path: Path) -> None:
    """Create a folder and its parents where they are missing, so that they survive a power cut."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        flush_folder(folder.parent)


def flush_folder(path: Path) -> None:
    """Write a folder's names to the disk, where the system can do that.

    Raises:
        OSError: the disk reports an error.
    """
    if os.name == "nt":  # NTFS journals names, and folders cannot be opened there
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # a folder in which files can be made but not listed
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF):  # such as some network shares
            raise
    finally:
        os.close(handle)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def occupied(path: Path) -> bool:
    """Return whether a path exists and is not an empty folder, so that it must not be overwritten."""
    return path.exists() and not (path.is_dir() and not any(path.iterdir()))


def numbered(path: Path) -> Iterator[Path]:
    """Yield `path`, then the same path with -2, -3 and so on appended to its name."""
    yield path
    for number in count(2):
        yield path.with_name(f"{path.name}-{number}")


def write_text(path: Path, text: str) -> None:
    """Atomically write UTF-8 text with line feeds."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Atomically write indented JSON."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, what: str) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        what: the expected contents, for the error message.

    Raises:
        UserError: the file is missing, too large or not a regular file, or is not JSON (see `parse_json`).
    """
    try:
        return parse_json(read_bytes(path, MAX_JSON))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {what}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as {what}: {error}") from None
