"""Find the image files that a command was given: single files, and the contents of folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from edgewbc.errors import UserError

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"})

TEMPORARY = (".", "~")
"""First characters of the names of hidden files, and of files a program is still working on (`~$cell.jpg`)."""


def find(paths: Iterable[Path]) -> list[Path]:
    """Return the image files given by files and folders, each once; see `names`.

    Raises:
        UserError: as `names`.
    """
    return [Path(name) for name in names(paths)]


def names(paths: Iterable[Path]) -> list[str]:
    """Return the names of the image files given by files and folders, each once. (100,000 names take 15 MB.)

    A file that is given by name is always included. Of a folder and its subfolders, the files with an image suffix are
    included, sorted by path. Hidden and temporary ones (leading dot or tilde) are skipped, and links to folders are not
    followed, so that a link to a parent folder cannot cause an endless loop.

    Raises:
        UserError: a path does not exist, or a folder cannot be read or contains no images.
    """
    found: dict[str, str] = {}  # by the name as the system compares it: on Windows, A.JPG and a.jpg are the same file
    for path in paths:
        if path.is_dir():
            before = len(found)
            count = 0
            for name in _walk(str(path)):
                found.setdefault(os.path.normcase(name), name)
                count += 1
            if len(found) == before and not count:
                raise UserError(f"{path}: no images in this folder ({', '.join(sorted(SUFFIXES))})")
        elif os.path.lexists(path):
            found.setdefault(os.path.normcase(path), str(path))
        else:
            raise UserError(f"{path}: no such file or folder")
    return list(found.values())


def is_image(name: str) -> bool:
    """Return whether a file in a folder is to be included, judging by its name."""
    return os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(TEMPORARY)  # noqa: PTH122


def inside(folder: str, name: str) -> str:
    """Return the name of a file in a folder, in the form in which `names` returns it."""
    return name if folder == "." else os.path.join(folder, name)  # noqa: PTH118


def is_subfolder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry of a folder is a subfolder to search: neither hidden nor a link."""
    return not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)


def _walk(folder: str) -> Iterator[str]:
    """Yield the images in a folder and its subfolders, sorted by the parts of their paths."""
    try:
        with os.scandir(folder) as entries:
            here = sorted((entry.name, is_subfolder(entry)) for entry in entries)
    except OSError as error:
        raise UserError(f"{error.filename}: this folder cannot be read: {error.strerror}") from None
    for name, subfolder in here:
        if subfolder:
            yield from _walk(inside(folder, name))
        elif is_image(name):
            yield inside(folder, name)
