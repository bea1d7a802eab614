"""Temporary files and folders next to the file they will replace, and removal of those that killed runs left behind.

While a run writes one, it holds a lock on it, which the system releases however the run ends. So a name of the pattern
`.NAME.xxxxxxxx.SUFFIX` that can be locked belongs to no one any more. On systems without such locks (Windows) a
left-over is removed once it is a day old.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    HAVE_LOCKS = False
else:
    HAVE_LOCKS = True

INNER = "whole"
"""Name of the folder inside a temporary folder that takes the target's place."""

_OLD = 24 * 3600.0
_cleaned: set[str] = set()


@contextmanager
def temporary_file(target: Path) -> Iterator[Path]:
    """Yield a new empty file next to `target`, with its suffix; it is removed at the end if it still has its name."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent)
        if _hold(handle, name):
            break
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
        if HAVE_LOCKS:
            os.close(handle)


@contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder next to `target`; it is removed at the end with everything in it."""
    while True:
        name = tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent)
        handle = os.open(name, os.O_RDONLY) if HAVE_LOCKS else -1
        if _hold(handle, name):
            break
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)
        if HAVE_LOCKS:
            os.close(handle)


def remove_leftovers(target: Path) -> None:
    """Remove what killed runs left next to `target`: only this user's, only what no run holds. Once per process."""
    absolute = os.path.abspath(target)  # noqa: PTH100
    if absolute in _cleaned:
        return
    _cleaned.add(absolute)
    ours = re.compile(rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}({re.escape(target.suffix)})?")
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if ours.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove(entry.path)


def _hold(handle: int, name: str) -> bool:
    """Lock a new temporary file; return False if another run took it for a left-over in that moment."""
    if not HAVE_LOCKS:
        if handle >= 0:
            os.close(handle)
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return False
    except OSError:  # a file system without locks: nothing is taken for a left-over there either
        return True
    if _is(handle, name):
        return True
    os.close(handle)
    return False


def _remove(name: str) -> None:
    """Remove a left-over if it is this user's and no run holds it."""
    found = os.lstat(name)
    folder = stat.S_ISDIR(found.st_mode)
    if not (folder or stat.S_ISREG(found.st_mode)) or (hasattr(os, "geteuid") and found.st_uid != os.geteuid()):
        return
    if folder and any(Path(name).iterdir()) and not (Path(name) / INNER).is_dir():
        return  # not made by temporary_folder
    if not HAVE_LOCKS:
        if time.time() - found.st_mtime > _OLD:
            _delete(name, folder)
        return
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is(handle, name):
            _delete(name, folder)
    finally:
        os.close(handle)


def _delete(name: str, folder: bool) -> None:
    if folder:
        shutil.rmtree(name)
    else:
        os.unlink(name)  # noqa: PTH108


def _is(handle: int, name: str) -> bool:
    try:
        found = os.lstat(name)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(handle), found)
