"""Watch folders: each picture is answered as soon as it is whole, once, and again if it is written over.

A picture is taken when two looks, some time apart, found the same size and time of change; if it then cannot be
decoded, or is no longer the one that was looked at, it is left to wait: a file that is still being written is not
answered by half. What stays unreadable for some seconds gets its row with the reason.
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
from edgewbc.lab.folder_scan import NONE, Folders
from edgewbc.lab.journal import Journal, Version
from edgewbc.lab.pipeline import BATCH, Outcome
from edgewbc.lab.session import keep

INTERVAL = 0.2
"""Seconds between two looks."""

SETTLE = 0.2
"""Seconds for which size and time of change must have stood still."""

PATIENCE = 5.0
"""Seconds for which a file that cannot be decoded, or is kept shut, may stay so before it gets its row."""

RETRY = 1.0
"""Seconds until a file that is kept shut is tried again."""

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


class Watcher:
    """Which files are to be read now. It reads no clock but the one it is given, and never sleeps.

    Attributes:
        gone: names of files that went away before they were answered; for the caller to tell, and to clear.
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
        self._folders, self._holds, self._clock = Folders(tops, clock), holds, clock
        self._waiting: dict[str, _Waiting] = {}  # each file that waits, once; what else is in the queues is out of date
        self._soon: list[_Waiting] = []  # a heap
        self._backlog = deque[_Waiting]()  # what was there at the first look: the camera's next picture goes before it
        self._first = True
        self.gone: list[str] = []

    @property
    def trouble(self) -> dict[str, str]:
        """By folder that cannot be looked at now, the reason."""
        return self._folders.trouble

    def look(self) -> list[str]:
        """Look once; the names of at most MOST files that are to be read now, and then told of by `judge`."""
        now = self._clock()
        for name, version in self._folders.changes():
            if not self._holds(name, version):
                self._begin(name, version, now)
            else:
                self._waiting.pop(name, None)
        if self._first:
            self._first, self._backlog = False, deque(sorted(self._soon))
            self._soon.clear()
        ready: list[str] = []
        while self._soon and self._soon[0].after <= now and len(ready) < MOST:
            ready += self._consider(heapq.heappop(self._soon), now)
        while self._backlog and self._backlog[0].after <= now and len(ready) < MOST:
            ready += self._consider(self._backlog.popleft(), now)
        return ready

    def judge(self, outcome: Outcome) -> bool:
        """Whether what came of a file that was given out is its answer, to be kept; if not, it is given out again."""
        now = self._clock()
        waiting = self._waiting.pop(str(outcome.path))
        if not outcome.sha256:  # no bytes: gone, kept shut, or written to meanwhile
            if not os.path.lexists(waiting.name):
                self._lose(waiting.name)
                return False
            keep = now - waiting.since >= PATIENCE and not waiting.told
            told = keep or waiting.told
            self._queue(replace(waiting, after=now + (PATIENCE if told else RETRY), told=told))
            return keep
        version = Version(outcome.size, outcome.mtime_ns)
        if version != waiting.version:
            self._begin(waiting.name, version, now)
            return False
        if outcome.error and now - waiting.since < PATIENCE:
            self._queue(replace(waiting, after=now + SETTLE, broken=True))
            return False
        return True

    @property
    def busy(self) -> bool:
        """Whether there is more to give out at once."""
        now = self._clock()
        return any(queue[0].after <= now for queue in (self._soon, self._backlog) if queue)

    def _begin(self, name: str, version: Version, now: float) -> None:
        self._folders.note(name, version)
        self._queue(_Waiting(now + SETTLE, name, version, now))

    def _queue(self, waiting: _Waiting) -> None:
        self._waiting[waiting.name] = waiting
        heapq.heappush(self._soon, waiting)

    def _consider(self, waiting: _Waiting, now: float) -> list[str]:
        """Give a file out if it stands as it stood; else it waits on."""
        name = waiting.name
        if self._waiting.get(name) is not waiting:
            return []  # it has changed since, and waits in its new state
        try:
            version = Version.of(os.stat(name))  # noqa: PTH116
        except OSError:
            version = NONE
            if not os.path.lexists(name):
                self._lose(name)
                return []
        if version != waiting.version:
            self._begin(name, version, now)
        elif waiting.broken and now < waiting.since + PATIENCE:
            self._queue(replace(waiting, after=now + SETTLE))
        elif self._holds(name, version):
            del self._waiting[name]
        else:
            return [name]
        return []

    def _lose(self, name: str) -> None:
        self._waiting.pop(name, None)
        self._folders.forget(name)
        self.gone.append(name)


def watch(
    model: Model,
    journal: Journal,
    tops: Sequence[str],
    *,
    step: Callable[[Watcher], bool],
    batch: int = BATCH,
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
            yield keep(model, journal, outcome)


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
