"""A picture file's bytes, whole and of one moment, or a reason why there are none."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from edgewbc.images.decode import ImageError

LARGEST = 1 << 30
"""Bytes of the largest file that is read."""


@dataclass(frozen=True)
class Contents:
    """What a file held.

    Attributes:
        data: all of it.
        sha256: of `data`, in hexadecimal.
        mtime_ns: when it was last written, nanoseconds since 1970, as it stood before the first and after the last
            byte was read.
    """

    data: bytes
    sha256: str
    mtime_ns: int

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.data)


def read(path: Path) -> Contents:
    """Read a file.

    Raises:
        PictureError: there is no such file, it is no plain file (a pipe would never end), it is too large, this user
            or another program keeps it shut, or it was written to in the meantime.
    """
    try:
        before, data, after = _read(path)
    except FileNotFoundError:
        raise ImageError("no such file") from None
    except PermissionError:
        if path.is_dir():  # which Windows does not open
            raise ImageError(_NO_FILE) from None
        raise ImageError("cannot be read: no permission, or another program holds it") from None
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise ImageError("no such file") from None
        if error.errno == errno.ENXIO:  # a socket
            raise ImageError(_NO_FILE) from None
        raise ImageError(f"cannot be read: {error.strerror or error}") from None
    except ValueError:  # a NUL in the name
        raise ImageError("no such file") from None
    if len(data) != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise ImageError("changed while it was read")
    return Contents(data, hashlib.sha256(data).hexdigest(), before.st_mtime_ns)


_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
"""Not to wait for the other end of a pipe."""
_NO_FILE = "not a file"


def _read(path: Path) -> tuple[os.stat_result, bytes, os.stat_result]:
    """A file's state, its bytes (one more than it should have, if it grows), and its state again.

    With the system's own calls: each lets another thread have the interpreter, and Python's file objects make twice as
    many.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise ImageError(_NO_FILE)
        if before.st_size > LARGEST:
            raise ImageError(f"too large: a file of more than {LARGEST >> 20} MiB")
        data = os.read(descriptor, before.st_size + 1)
        while len(data) < before.st_size and (more := os.read(descriptor, before.st_size - len(data))):
            data += more  # a system may give less at once than was asked for
        return before, data, os.fstat(descriptor)
    finally:
        os.close(descriptor)
