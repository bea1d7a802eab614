"""Which picture files a command was given: files, and what lies in folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from edgewbc.errors import UserError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"})

TEMPORARY = (".", "~")
"""How the names of files begin that are hidden, or that a program still works on (`~$cell.jpg`)."""


def find(paths: Iterable[Path]) -> list[Path]:
    """The pictures that are meant by files and folders, each once; see `names`.

    Raises:
        UserError: as `names`.
    """
    return [Path(name) for name in names(paths)]


def names(paths: Iterable[Path]) -> list[str]:
    """The names of the pictures that are meant by files and folders, each once. (A hundred thousand take 15 MB.)

    A named file is always taken. Of a folder and all folders in it, the files with a picture's suffix are taken, sorted
    by path; hidden and temporary ones (a leading dot or tilde) are left out, and links to folders are not followed, so
    that a link back up does not go on for ever.

    Raises:
        UserError: a path does not exist, a folder cannot be read or has no pictures.
    """
    found: dict[str, str] = {}  # by the name as the system compares it: Windows does not tell A.JPG from a.jpg
    for path in paths:
        if path.is_dir():
            before = len(found)
            count = 0
            for name in _walk(str(path)):
                found.setdefault(os.path.normcase(name), name)
                count += 1
            if len(found) == before and not count:
                raise UserError(f"{path}: no pictures in this folder ({', '.join(sorted(SUFFIXES))})")
        elif os.path.lexists(path):
            found.setdefault(os.path.normcase(path), str(path))
        else:
            raise UserError(f"{path}: no such file or folder")
    return list(found.values())


def is_picture(name: str) -> bool:
    """Whether a file of a folder is meant, by its name."""
    return os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(TEMPORARY)  # noqa: PTH122


def inside(folder: str, name: str) -> str:
    """The name of a file in a folder, as `names` gives it."""
    return name if folder == "." else os.path.join(folder, name)  # noqa: PTH118


def folders(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is a folder to look into: no hidden one, and no link."""
    return not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)


def _walk(folder: str) -> Iterator[str]:
    """The pictures in a folder and below, in the order of their paths' parts."""
    try:
        with os.scandir(folder) as entries:
            here = sorted((entry.name, folders(entry)) for entry in entries)
    except OSError as error:
        raise UserError(f"{error.filename}: this folder cannot be read: {error.strerror}") from None
    for name, is_folder in here:
        if is_folder:
            yield from _walk(inside(folder, name))
        elif is_picture(name):
            yield inside(folder, name)
