"""Find new and changed images in folders that are scanned again and again, at little cost.

`os.scandir` works on every system and on network shares, where the system's change notifications do not. A folder is
listed when its modification time says that a name was added or removed, and only new names are asked for their size.
Some file systems do not maintain that time, and overwriting a file in place does not change it: so each folder is also
scanned in full from time to time, less often the longer that takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from edgewbc.images.discover import Found, inside, is_image, is_subfolder
from edgewbc.images.files import FileVersion

FULL_SCAN_INTERVAL = 20
"""Time between two full scans of a folder, as a multiple of what one takes: at most a twentieth of one core."""

UNKNOWN = FileVersion(-1, -1)
"""Version of a file that exists but whose size and time the system does not report (a broken link)."""


@dataclass(slots=True)
class _Folder:
    seen: dict[str, int] = field(default_factory=dict)  # by file name: the version's hash, which takes less memory
    mtime_ns: int = -1
    full_scan_due: float = float("-inf")
    left_out: Found = field(default_factory=lambda: Found([]))  # at the last listing


class FolderScan:
    """Folders, their subfolders as they come and go, and the images seen in them.

    Attributes:
        problems: by folder that cannot be read at the moment, the reason.
    """

    def __init__(self, tops: Sequence[str], clock: Callable[[], float], ours: tuple[str, ...] = ()) -> None:
        """Take folders, a clock (seconds; only differences matter), and files that are not worth a remark.

        Args:
            tops: the folders.
            clock: seconds; only differences matter.
            ours: absolute paths of files that the caller writes.
        """
        self._tops, self._clock, self._ours = frozenset(tops), clock, ours
        self._folders = {top: _Folder() for top in tops}
        self.problems: dict[str, str] = {}

    def changes(self) -> Iterator[tuple[str, FileVersion]]:
        """Scan once; yield name and version of each image that is new or has changed since it was yielded or noted."""
        now = self._clock()
        work = list(self._folders)
        for path in work:
            folder = self._folders[path]
            begun = self._clock()
            try:
                mtime_ns = os.stat(path).st_mtime_ns  # noqa: PTH116
                full = now >= folder.full_scan_due
                if not full and mtime_ns == folder.mtime_ns:
                    continue
                found, subfolders = _scan(path, folder, full, self._ours)
            except OSError as error:
                folder.mtime_ns = -1
                if path in self._tops or os.path.lexists(path):
                    self.problems[path] = error.strerror or str(error)
                else:
                    del self._folders[path]
                    self.problems.pop(path, None)
                continue
            self.problems.pop(path, None)
            folder.mtime_ns = mtime_ns  # from before the listing: what is added meanwhile is found by the next scan
            if full:
                folder.full_scan_due = now + FULL_SCAN_INTERVAL * (self._clock() - begun)
            for name in subfolders:
                if name not in self._folders:
                    self._folders[name] = _Folder()
                    work.append(name)
            for name, version in found:
                yield inside(path, name), version

    def left_out(self) -> Found:
        """Return what is in the folders now besides images and subfolders (`names` is empty)."""
        total = Found([])
        for folder in self._folders.values():
            total.others += folder.left_out.others
            total.skipped += folder.left_out.skipped
        return total

    def note(self, name: str, version: FileVersion) -> None:
        """Record that a file has been seen in this version."""
        folder, last = os.path.split(name)
        if found := self._folders.get(folder or "."):
            found.seen[last] = _hash(version)

    def forget(self, name: str) -> None:
        """Record that a file has not been seen."""
        folder, last = os.path.split(name)
        if found := self._folders.get(folder or "."):
            found.seen.pop(last, None)


def _scan(
    path: str, folder: _Folder, full: bool, ours: tuple[str, ...]
) -> tuple[list[tuple[str, FileVersion]], list[str]]:
    """Return a folder's new images (in a full scan also changed ones) and its new subfolders.

    Notes the images, and what is left out.
    """
    left_out = Found([])
    seen, found, subfolders, listed = folder.seen, [], [], set[str]()
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if name not in seen:
                if is_subfolder(entry):
                    subfolders.append(inside(path, name))
                    continue
                if not is_image(name):
                    left_out.leave_out(path, entry, ours)
                    continue
            elif not full:
                continue
            listed.add(name)
            version = _version(entry)
            if seen.get(name) != _hash(version):
                seen[name] = _hash(version)
                found.append((name, version))
    folder.left_out = left_out
    if full and len(seen) > len(listed):
        for name in seen.keys() - listed:
            del seen[name]
    return found, subfolders


def _version(entry: os.DirEntry[str]) -> FileVersion:
    try:
        return FileVersion.of(entry.stat())
    except OSError:
        return UNKNOWN


def _hash(version: FileVersion) -> int:
    return hash(version)
