"""What is new or changed in folders that are looked at again and again, at little cost.

`os.scandir` works on every system and on network shares, where the system's notices of change do not. A folder is
listed when its own time of change says that a name came or went, and only the new names are asked for their size. So
that nothing depends on that time, which some file systems do not keep, and so that a file that is written over in place
is noticed, each folder is also gone through from time to time, the more rarely the longer that takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from edgewbc.images.discover import folders, inside, is_picture
from edgewbc.lab.journal import Version

SHARE = 20
"""A folder is gone through after so many times the time that it took: a twentieth of one core at most."""

NONE = Version(-1, -1)
"""Of a file that is there, and of which the system tells nothing (a link that leads nowhere)."""


@dataclass(slots=True)
class _Folder:
    seen: dict[str, int] = field(default_factory=dict)  # by file name: the version (its hash, for it is small)
    mtime_ns: int = -1
    due: float = float("-inf")  # when it is gone through


class Folders:
    """Folders, the folders in them as they come and go, and the pictures that were seen there.

    Attributes:
        trouble: by folder that cannot be looked at now, the reason.
    """

    def __init__(self, tops: Sequence[str], clock: Callable[[], float]) -> None:
        """Take folders and a clock (seconds; only differences count)."""
        self._tops, self._clock = frozenset(tops), clock
        self._folders = {top: _Folder() for top in tops}
        self.trouble: dict[str, str] = {}

    def changes(self) -> Iterator[tuple[str, Version]]:
        """The pictures that are new, or have changed since they were told of or noted: name and version."""
        now = self._clock()
        work = list(self._folders)
        for path in work:
            folder = self._folders[path]
            begun = self._clock()
            try:
                mtime_ns = os.stat(path).st_mtime_ns  # noqa: PTH116
                thorough = now >= folder.due
                if not thorough and mtime_ns == folder.mtime_ns:
                    continue
                found, below = _look(path, folder, thorough)
            except OSError as error:
                folder.mtime_ns = -1
                if path in self._tops:
                    self.trouble[path] = error.strerror or str(error)
                else:
                    del self._folders[path]
                continue
            self.trouble.pop(path, None)
            folder.mtime_ns = mtime_ns  # as it was before it was listed: what comes meanwhile is seen by the next look
            if thorough:
                folder.due = now + SHARE * (self._clock() - begun)
            for name in below:
                if name not in self._folders:
                    self._folders[name] = _Folder()
                    work.append(name)
            for name, version in found:
                yield inside(path, name), version

    def note(self, name: str, version: Version) -> None:
        """Take it that a file has been seen in this version."""
        folder, last = os.path.split(name)
        if found := self._folders.get(folder or "."):
            found.seen[last] = _small(version)

    def forget(self, name: str) -> None:
        """Take it that a file has not been seen."""
        folder, last = os.path.split(name)
        if found := self._folders.get(folder or "."):
            found.seen.pop(last, None)


def _look(path: str, folder: _Folder, thorough: bool) -> tuple[list[tuple[str, Version]], list[str]]:
    """The files in a folder that are new (if `thorough`: or changed), which are noted, and the folders in it."""
    seen, found, below, listed = folder.seen, [], [], set[str]()
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if name not in seen:
                if folders(entry):
                    below.append(inside(path, name))
                    continue
                if not is_picture(name):
                    continue
            elif not thorough:
                continue
            listed.add(name)
            version = _version(entry)
            if seen.get(name) != _small(version):
                seen[name] = _small(version)
                found.append((name, version))
    if thorough and len(seen) > len(listed):
        for name in seen.keys() - listed:
            del seen[name]
    return found, below


def _version(entry: os.DirEntry[str]) -> Version:
    try:
        return Version.of(entry.stat())
    except OSError:
        return NONE


def _small(version: Version) -> int:
    return hash((version.size, version.mtime_ns))
