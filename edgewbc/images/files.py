"""Read an image file completely and consistently, or say why that is not possible."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from edgewbc.images.decode import ImageError

MAX_BYTES = 1 << 30
"""Size in bytes of the largest file that is read."""

_INT64 = (1 << 63) - 1
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FileVersion:
    """Identifies the content of a file, without reading it, by what the system says of it.

    All values fit into 64 bits, whatever a file system reports: times before 1678 or after 2262 are clamped.

    Attributes:
        size: in bytes.
        mtime_ns: modification time, nanoseconds since 1970. Programs can set it, and copying and unpacking keep it.
        ctime_ns: time of the last change of content, name or permissions, which programs cannot set; 0 if the system
            does not report it (Windows), or reports it too coarsely (FAT: 2 s).
        inode: number of the file on its disk; another file under the same name usually has another one.
    """

    size: int
    mtime_ns: int
    ctime_ns: int = 0
    inode: int = 0

    @classmethod
    def of(cls, stat: os.stat_result) -> FileVersion:
        """Return the version from the result of `os.stat`."""
        if os.name == "nt":  # `st_ctime_ns` is the time of creation there, and a listing of a folder has no inodes
            return cls(stat.st_size, _clamp(stat.st_mtime_ns))
        ctime_ns = stat.st_ctime_ns if stat.st_ctime_ns % _SECOND else 0
        return cls(stat.st_size, _clamp(stat.st_mtime_ns), _clamp(ctime_ns), stat.st_ino & _INT64)

    @property
    def certain(self) -> bool:
        """Whether an equal version means an equal content; if not, the content must be compared."""
        return self.ctime_ns != 0


NOT_READ = FileVersion(0, 0)
"""Version of a file that could not be read."""


def _clamp(nanoseconds: int) -> int:
    return max(-_INT64, min(_INT64, nanoseconds))


@dataclass(frozen=True)
class Contents:
    """The contents of a file.

    Attributes:
        data: its bytes.
        sha256: of `data`, in hexadecimal.
        version: of the file; size and modification time were the same before the first and after the last byte was
            read.
    """

    data: bytes
    sha256: str
    version: FileVersion


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
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a name is too long
            # Windows opens no folder; elsewhere only one that this user may not look into is refused.
            reason = _NOT_A_FILE if os.name == "nt" else "is a folder that cannot be read: no permission"
            raise ImageError(reason) from None
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
    return Contents(data, hashlib.sha256(data).hexdigest(), FileVersion.of(before))


_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
"""O_NONBLOCK: do not wait for the other end of a pipe."""
_NOT_A_FILE = "not a file"


def _read(path: Path) -> tuple[os.stat_result, bytes, os.stat_result]:
    """Return a file's status, its bytes (one more than expected if it grows), and its status again.

    Uses system calls directly: each releases the interpreter lock, and Python's file objects make twice as many.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - opening a device can have effects, or wait
        raise ImageError(_NOT_A_FILE)
    descriptor = os.open(path, _FLAGS)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise ImageError(_NOT_A_FILE)
        if before.st_size > MAX_BYTES:
            raise ImageError(f"too large: the file has more than {MAX_BYTES >> 20} MiB")
        data = os.read(descriptor, before.st_size + 1)
        while len(data) < before.st_size and (more := os.read(descriptor, before.st_size - len(data))):
            data += more  # a system may return less than was requested
        return before, data, os.fstat(descriptor)
    finally:
        os.close(descriptor)
