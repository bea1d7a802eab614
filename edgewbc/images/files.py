"""Read an image file completely and consistently, or say why that is not possible."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from edgewbc.images.decode import ImageError

LARGEST = 1 << 30
"""Size in bytes of the largest file that is read."""


@dataclass(frozen=True)
class Contents:
    """The contents of a file.

    Attributes:
        data: its bytes.
        sha256: of `data`, in hexadecimal.
        mtime_ns: modification time, nanoseconds since 1970; the same before the first and after the last byte was
            read.
    """

    data: bytes
    sha256: str
    mtime_ns: int

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return len(self.data)


def read(path: Path) -> Contents:
    """Read a file.

    Raises:
        ImageError: there is no such file, it is not a regular file (a pipe might never end), it is too large, this user
            may not read it, another program has locked it, or it was written to meanwhile.
    """
    try:
        before, data, after = _read(path)
    except FileNotFoundError:
        raise ImageError("no such file") from None
    except PermissionError:
        if path.is_dir():  # Windows does not open folders
            raise ImageError(_NOT_A_FILE) from None
        raise ImageError("cannot be read: no permission, or another program has locked it") from None
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise ImageError("no such file") from None
        if error.errno == errno.ENXIO:  # a socket
            raise ImageError(_NOT_A_FILE) from None
        raise ImageError(f"cannot be read: {error.strerror or error}") from None
    except ValueError:  # a NUL in the name
        raise ImageError("no such file") from None
    if len(data) != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise ImageError("changed while it was being read")
    return Contents(data, hashlib.sha256(data).hexdigest(), before.st_mtime_ns)


_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
"""O_NONBLOCK: do not wait for the other end of a pipe."""
_NOT_A_FILE = "not a file"


def _read(path: Path) -> tuple[os.stat_result, bytes, os.stat_result]:
    """Return a file's status, its bytes (one more than expected if it grows), and its status again.

    Uses system calls directly: each releases the interpreter lock, and Python's file objects make twice as many.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise ImageError(_NOT_A_FILE)
        if before.st_size > LARGEST:
            raise ImageError(f"too large: the file has more than {LARGEST >> 20} MiB")
        data = os.read(descriptor, before.st_size + 1)
        while len(data) < before.st_size and (more := os.read(descriptor, before.st_size - len(data))):
            data += more  # a system may return less than was requested
        return before, data, os.fstat(descriptor)
    finally:
        os.close(descriptor)
