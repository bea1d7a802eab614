"""Exclusive locks on files, which the operating system releases when the process ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgewbc.errors import UserError

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def exclusive(path: Path, held: str) -> Iterator[None]:
    """Hold a lock within the block.

    Args:
        path: file of the lock; it is created, and removed at the end of the block.
        held: error message for when another process holds the lock.

    Raises:
        UserError: another process holds the lock, or the file system has no locks.
        OSError: the file cannot be created.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(handle)
        except OSError as error:
            os.close(handle)
            if error.errno in _UNSUPPORTED:
                raise UserError(f"{path.parent}: this file system has no locks: use a folder on a local disk") from None
            raise UserError(held) from None
        if _is_same(handle, path):
            break
        os.close(handle)  # its owner removed the file between opening and locking
    try:
        yield
    finally:
        if sys.platform == "win32":  # an open file cannot be removed
            os.close(handle)
            path.unlink(missing_ok=True)
        else:
            path.unlink(missing_ok=True)
            os.close(handle)


def _lock(handle: int) -> None:
    """Lock an open file without waiting. Raises OSError if it is locked already."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_same(handle: int, path: Path) -> bool:
    """Return whether an open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
