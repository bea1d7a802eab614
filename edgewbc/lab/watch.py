"""Watch folders: each picture is answered as soon as it is whole, once, and again if it is written over.

The folders are looked at again and again (`os.scandir`): that works on every system and on network shares, where the
system's notices of change do not. A picture is taken when two looks, some time apart, found the same size and time of
change; if it then cannot be decoded, or is no longer the one that was looked at, it is left to wait: a file that is
still being written is not answered by half. What stays unreadable for some seconds gets its row with the reason.

A look costs little: a folder is listed when its own time of change says that a name came or went, and only the new
names are asked for their size. So that nothing depends on that time, which some file systems do not keep, and so that
a file that is written over in place is noticed, each folder is also gone through from time to time, the more rarely the
longer that takes.
"""

from __future__ import annotations

import heapq
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgewbc.errors import UserError
from edgewbc.lab.classify import Model, Row
from edgewbc.lab.find import folders, inside, is_picture
from edgewbc.lab.journal import Journal, Version
from edgewbc.lab.pipeline import Outcome

INTERVAL = 0.2
"""Seconds between two looks."""

SETTLE = 0.2
"""Seconds for which size and time of change must have stood still."""

PATIENCE = 5.0
"""Seconds for which a file that cannot be decoded, or is kept shut, may stay so before it gets its row."""

RETRY = 1.0
"""Seconds until a file that is kept shut is tried again."""

SHARE = 20
"""A folder is gone through after so many times the time that it took: a twentieth of one core at most."""

MOST = 32
"""Files that are given out by one look; the camera's next picture does not wait for more."""


@dataclass(order=True, slots=True)
class _Waiting:
    """A file that has no answer yet, in the state in which it was found."""

    after: float  # when it is looked at again
    name: str
    version: Version = field(compare=False)
    since: float = field(compare=False)  # for how long it has been so
    broken: bool = field(default=False, compare=False)  # it was read as it is, and could not be decoded
    told: bool = field(default=False, compare=False)  # its row says that it cannot be read


@dataclass(slots=True)
class _Folder:
    seen: dict[str, int] = field(default_factory=dict)  # by file name: the version (its hash, for it is small)
    mtime_ns: int = -1
    due: float = float("-inf")  # when it is gone through


class Watcher:
    """What is known of the folders that are watched. It reads no clock but the one it is given, and never sleeps.

    Attributes:
        gone: names of files that went away before they were answered; for the caller to tell, and to clear.
        trouble: by folder that cannot be looked at now, the reason.
    """

    def __init__(
        self,
        tops: Sequence[str],
        holds: Callable[[str, Version], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to watch.

        Args:
            tops: the folders; the folders in them are watched too, as they come.
            holds: says whether a version of a file has its answer already (`Journal.holds`).
            clock: seconds; only differences count.
        """
        self._tops, self._holds, self._clock = frozenset(tops), holds, clock
        self._folders = {top: _Folder() for top in tops}
        self._soon: list[_Waiting] = []  # a heap
        self._backlog: deque[_Waiting] = deque()  # what was there at the first look: it waits for the camera's next
        self._first = True
        self._out: dict[str, _Waiting] = {}
        self.gone: list[str] = []
        self.trouble: dict[str, str] = {}

    def look(self) -> list[str]:
        """Look once; the names of at most MOST files that are to be read now, and then told of by `judge`."""
        now = self._clock()
        self._scan(now)
        if self._first:
            self._first, self._backlog = False, deque(sorted(self._backlog))
        ready: list[str] = []
        while self._soon and self._soon[0].after <= now and len(ready) < MOST:
            self._consider(heapq.heappop(self._soon), now, ready)
        while self._backlog and self._backlog[0].after <= now and len(ready) < MOST:
            self._consider(self._backlog.popleft(), now, ready)
        return ready

    def judge(self, outcome: Outcome) -> bool:
        """Whether what came of a file that was given out is its answer, to be kept; if not, it is given out again."""
        now = self._clock()
        waiting = self._out.pop(str(outcome.path))
        if not outcome.sha256:  # no bytes: gone, kept shut, or written to meanwhile
            if not os.path.lexists(waiting.name):
                self._forget(waiting.name)
                return False
            keep = now - waiting.since >= PATIENCE and not waiting.told
            later = now + (PATIENCE if keep or waiting.told else RETRY)
            heapq.heappush(self._soon, replace(waiting, after=later, told=keep or waiting.told))
            return keep
        version = Version(outcome.size, outcome.mtime_ns)
        if version != waiting.version:
            self._wait(waiting.name, version, now)
            return False
        if outcome.error and now - waiting.since < PATIENCE:
            heapq.heappush(self._soon, replace(waiting, after=now + SETTLE, broken=True))
            return False
        return True

    @property
    def busy(self) -> bool:
        """Whether there is more to give out at once."""
        now = self._clock()
        return any(waiting[0].after <= now for waiting in (self._soon, self._backlog) if waiting)

    def _scan(self, now: float) -> None:
        """List the folders that have changed or are due."""
        work = list(self._folders)
        for path in work:
            folder = self._folders[path]
            begun = self._clock()
            try:
                mtime_ns = os.stat(path).st_mtime_ns  # noqa: PTH116
                thorough = now >= folder.due
                if not thorough and mtime_ns == folder.mtime_ns:
                    continue
                found = self._list(path, folder, thorough, now)
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
            for name in found:
                if name not in self._folders:
                    self._folders[name] = _Folder()
                    work.append(name)

    def _list(self, path: str, folder: _Folder, thorough: bool, now: float) -> list[str]:
        """Note what is new in a folder, and what has changed if `thorough`; the folders in it."""
        below, listed, seen = [], set[str](), folder.seen
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
                    self._notice(inside(path, name), version, now)
        if thorough and len(seen) > len(listed):
            for name in seen.keys() - listed:
                del seen[name]
        return below

    def _notice(self, name: str, version: Version, now: float) -> None:
        if self._holds(name, version):
            self._note(name, version)
        else:
            self._wait(name, version, now)

    def _wait(self, name: str, version: Version, now: float) -> None:
        self._note(name, version)
        waiting = _Waiting(now + SETTLE, name, version, now)
        if self._first:
            self._backlog.append(waiting)
        else:
            heapq.heappush(self._soon, waiting)

    def _consider(self, waiting: _Waiting, now: float, ready: list[str]) -> None:
        """Give a file out if it stands as it stood, else let it wait anew."""
        name = waiting.name
        try:
            version = Version.of(os.stat(name))  # noqa: PTH116
        except OSError:
            version = _NONE
            if not os.path.lexists(name):
                self._forget(name)
                return
        if self._noted(name) != _small(waiting.version):
            return  # it has changed since, and waits in its new state
        if version != waiting.version:
            self._wait(name, version, now)
        elif waiting.broken and now < waiting.since + PATIENCE:
            heapq.heappush(self._soon, replace(waiting, after=now + SETTLE))
        elif name not in self._out and not self._holds(name, version):
            self._out[name] = waiting
            ready.append(name)

    def _note(self, name: str, version: Version) -> None:
        folder, last = _split(name)
        if folder in self._folders:
            self._folders[folder].seen[last] = _small(version)

    def _noted(self, name: str) -> int | None:
        folder, last = _split(name)
        return self._folders[folder].seen.get(last) if folder in self._folders else None

    def _forget(self, name: str) -> None:
        folder, last = _split(name)
        if folder in self._folders:
            self._folders[folder].seen.pop(last, None)
        self.gone.append(name)


def watch(
    model: Model,
    journal: Journal,
    tops: Sequence[str],
    *,
    step: Callable[[Watcher], bool],
    batch: int = 8,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Row]:
    """Classify pictures as they come; each answer is in the journal when it is given. It ends when `step` says so.

    Args:
        model: answers.
        journal: keeps the answers; what it holds is not answered again.
        tops: the folders (see `outermost`).
        step: called after each look and its answers; False ends the watch.
        batch: pictures answered at once.
        clock, sleep: the time, and how it passes.

    Raises:
        UserError: the journal cannot be written.
    """
    watcher = Watcher(tops, journal.holds, clock)

    def paths() -> Iterator[Path | None]:
        while True:
            for name in watcher.look():
                yield Path(name)
            yield None  # whatever was given is answered before the next look
            if not step(watcher):
                return
            if not watcher.busy:
                sleep(INTERVAL)

    for outcome in model.outcomes(paths(), batch):
        if watcher.judge(outcome):
            row = model.row(outcome)
            journal.add(row, Version(outcome.size, outcome.mtime_ns), outcome.sha256)
            yield row


def outermost(tops: Sequence[Path]) -> list[str]:
    """The folders that lie in none of the others: those are watched with them.

    Raises:
        UserError: one is no folder.
    """
    found: dict[Path, str] = {}
    for top in tops:
        if not top.is_dir():
            raise UserError(f"{top}: is no folder to watch")
    for top in sorted(tops, key=lambda path: len(path.absolute().parts)):
        whole = top.resolve()
        if not any(whole.is_relative_to(other) for other in found):
            found[whole] = str(top)
    return list(found.values())


_NONE = Version(-1, -1)  # of a file that is there, and of which the system tells nothing


def _version(entry: os.DirEntry[str]) -> Version:
    try:
        return Version.of(entry.stat())
    except OSError:
        return _NONE


def _small(version: Version) -> int:
    return hash((version.size, version.mtime_ns))


def _split(name: str) -> tuple[str, str]:
    folder, last = os.path.split(name)
    return folder or ".", last
