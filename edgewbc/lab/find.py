"""Which picture files a command was given: files, and what lies in folders."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from edgewbc.errors import UserError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"})


def find(paths: Iterable[Path]) -> list[Path]:
    """The pictures that are meant by files and folders, each once.

    A named file is always taken. Of a folder and all folders in it, the files with a picture's suffix are taken, sorted
    by path; hidden files and folders (a leading dot) are left out, and links to folders are not followed, so that a
    link back up does not go on for ever.

    Raises:
        UserError: a path does not exist, a folder cannot be read or has no pictures.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = _inside(path)
            if not inside:
                raise UserError(f"{path}: no pictures in this folder ({', '.join(sorted(SUFFIXES))})")
            found.update(dict.fromkeys(inside))
        elif os.path.lexists(path):
            found[path] = None
        else:
            raise UserError(f"{path}: no such file or folder")
    return list(found)


def _inside(folder: Path) -> list[Path]:
    found = []
    for here, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(here, name) for name in files if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
        ]
    return sorted(found, key=lambda path: path.parts)


def _refuse(error: OSError) -> NoReturn:
    raise UserError(f"{error.filename}: this folder cannot be read: {error.strerror}") from None
