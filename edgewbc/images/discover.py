"""Find the image files that a command was given: single files, and the contents of folders."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgewbc.errors import UserError

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"})

TEMPORARY = (".", "~")
"""First characters of the names of hidden files, and of files a program is still working on (`~$cell.jpg`)."""

SYSTEM_FOLDERS = frozenset(
    {"$recycle.bin", "recycler", "recycled", "system volume information", "$extend", "found.000", "lost+found"}
    | {"__macosx", "@eadir", "#recycle", "@recycle", "#snapshot", "network trash folder", "temporary items"}
)
"""Folders, in lower case, in which systems and archive programs keep deleted files, thumbnails and copies."""

SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
"""Files, in lower case, that Windows adds to folders of images; they are not worth a remark."""


@dataclass
class Found:
    """What a search of files and folders found.

    Attributes:
        names: of the image files, each once. (100,000 names take 15 MB.)
        unreadable: by subfolder that could not be searched, the reason. They are listed among `names` too, so that
            each becomes a row with an error rather than a gap.
        skipped: folders that were not searched on purpose: system folders, hidden folders, and links to folders.
        others: number of files that were left out, by suffix; hidden and temporary ones as `hidden`.
    """

    names: list[str]
    unreadable: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def leave_out(self, folder: str, entry: os.DirEntry[str], ours: tuple[str, ...]) -> None:
        """Record an entry of a folder that is neither an image nor a folder to search.

        Args:
            folder: as it was given or found.
            entry: in it.
            ours: absolute paths of files that the caller writes; names that begin with theirs are not noted, nor with
                a dot before (temporary files).
        """
        if _leads_to_folder(entry):
            self.skipped.append(inside(folder, entry.name))
            return
        path = os.path.join(os.path.abspath(folder), entry.name.removeprefix("."))  # noqa: PTH100, PTH118
        if entry.name.lower() not in SYSTEM_FILES and not path.startswith(ours):
            suffix = os.path.splitext(entry.name)[1].lower() or "without a suffix"  # noqa: PTH122
            self.others["hidden" if entry.name.startswith(TEMPORARY) else suffix] += 1

    def to_json(self) -> dict[str, Any]:
        """Return what was left out as JSON values: number of files by suffix, and folders."""
        return {"left_out": dict(sorted(self.others.items())), "not_searched": list(self.skipped)}

    def remarks(self) -> list[str]:
        """Return what a person should know about the search, one line each; none if all files were found."""
        lines = [f"{folder}: this folder cannot be read: {reason}" for folder, reason in self.unreadable.items()]
        if self.others:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.others.items()))
            lines.append(f"left out, because the name is not that of an image: {kinds}")
        if self.skipped:
            more = f" and {len(self.skipped) - 3} more" if len(self.skipped) > 3 else ""
            lines.append(f"folders not searched (system, hidden or linked): {', '.join(self.skipped[:3])}{more}")
        return lines


def find(paths: Iterable[Path]) -> list[Path]:
    """Return the image files given by files and folders, each once; see `search`.

    Raises:
        UserError: as `search`.
    """
    return [Path(name) for name in search(paths).names]


def names(paths: Iterable[Path]) -> list[str]:
    """Return the names of the image files given by files and folders, each once; see `search`.

    Raises:
        UserError: as `search`.
    """
    return search(paths).names


def search(paths: Iterable[Path], ours: Iterable[Path] = (), listed: Iterable[str] = ()) -> Found:
    """Find the image files given by files and folders.

    A file that is given by name is always included. Of a folder and its subfolders, the files with an image suffix are
    included, sorted by path. Hidden and temporary ones (leading dot or tilde) are skipped, and so are system folders
    such as the recycle bin, whose images somebody deleted. Links to folders are not followed, so that no image is
    found twice and a link to a parent folder cannot cause an endless loop. A subfolder that cannot be read does not
    end the search.

    Args:
        paths: files and folders.
        ours: files that the caller writes; they, and files whose names begin with theirs, are not worth a remark.
        listed: names from a list, to be included as they are: a row will say if there is no such file.

    Raises:
        UserError: a path does not exist, or a folder cannot be read or contains no images.
    """
    found, known = Found([]), absolute(ours)
    unique: dict[str, str] = {}  # by the name as the system compares it: on Windows, A.JPG and a.jpg are the same file
    given, more = list(paths), list(listed)
    kinds = {os.path.isabs(name) for name in (*map(str, given), *more) if not is_url(name)}  # noqa: PTH117
    here = os.getcwd() if len(kinds) > 1 else ""  # noqa: PTH109 - else names are compared as they are

    def same(name: str) -> str:
        return os.path.normcase(os.path.join(here, name))  # noqa: PTH118

    for path in given:
        if _is_folder(path):
            empty = True
            for name in _walk(str(path), found, known):
                unique.setdefault(same(name), name)
                empty = False
            if empty:
                remarks = "".join(f"; {remark}" for remark in found.remarks())
                raise UserError(f"{path}: no images in this folder ({', '.join(sorted(SUFFIXES))}){remarks}")
        else:
            unique.setdefault(same(str(path)), str(path))
    for name in more:
        unique.setdefault(name if is_url(name) else same(name), name)
    found.names = list(unique.values())
    return found


_URL = re.compile("[A-Za-z][A-Za-z0-9+.-]+://")


def is_url(name: str) -> bool:
    """Return whether a name is a URL, such as s3://bucket/cell.jpg, rather than that of a file."""
    return _URL.match(name) is not None


def is_image(name: str) -> bool:
    """Return whether a file in a folder is to be included, judging by its name."""
    return os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(TEMPORARY)  # noqa: PTH122


def inside(folder: str, name: str) -> str:
    """Return the name of a file in a folder, in the form in which `names` returns it."""
    return name if folder == "." else os.path.join(folder, name)  # noqa: PTH118


def is_searched(name: str) -> bool:
    """Return whether a subfolder of this name is searched: it is neither hidden nor a system folder."""
    return not name.startswith(".") and name.lower() not in SYSTEM_FOLDERS


def is_subfolder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry of a folder is a subfolder to search: not hidden, not the system's, and not a link."""
    return is_searched(entry.name) and entry.is_dir(follow_symlinks=False)


def absolute(paths: Iterable[Path]) -> tuple[str, ...]:
    """Return absolute paths as text, as `Found.leave_out` takes them."""
    return tuple(os.path.abspath(path) for path in paths)  # noqa: PTH100


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder. Raises UserError if it does not exist."""
    try:
        if os.path.lexists(path):
            return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises where a name is too long
    except ValueError:  # a NUL in the name
        pass
    raise UserError(f"{path}: no such file or folder")


def _walk(top: str, found: Found, ours: tuple[str, ...]) -> Iterator[str]:
    """Yield the images in a folder and its subfolders, sorted by the parts of their paths; note what is left out.

    Keeps its own stack: folders may be nested more deeply than Python functions can be.
    """
    stack = [_list(top, found, ours)]
    while stack:
        for folder, name, is_folder in stack[-1]:
            path = inside(folder, name)
            if is_folder:
                try:
                    stack.append(_list(path, found, ours))
                except UserError as error:
                    found.unreadable[path] = str(error).removeprefix(f"{path}: this folder cannot be read: ")
                    yield path
                    continue
                break
            yield path
        else:
            stack.pop()


def _list(folder: str, found: Found, ours: tuple[str, ...]) -> Iterator[tuple[str, str, bool]]:
    """Return the images and the subfolders to search of a folder, sorted: (folder, name, whether it is a subfolder).

    Raises:
        UserError: it cannot be read.
    """
    here: list[tuple[str, str, bool]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_subfolder(entry):
                    here.append((folder, entry.name, True))
                elif is_image(entry.name) and not _leads_to_folder(entry):
                    here.append((folder, entry.name, False))
                else:
                    found.leave_out(folder, entry, ours)
    except OSError as error:
        raise UserError(f"{folder}: this folder cannot be read: {error.strerror}") from None
    return iter(sorted(here))


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or to where this user may not look
        return False
