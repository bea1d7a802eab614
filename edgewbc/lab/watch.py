"""Watch folders: classify each image once it is completely written, and again if it is overwritten.

An image is read when two scans, some time apart, found the same size and modification time. If it then cannot be
decoded, or is no longer the version that was scanned, it waits: a file that is still being written is not classified by
half. What stays unreadable for some seconds gets a row with the reason.
"""

from __future__ import annotations

import heapq
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from edgewbc.errors import UserError
from edgewbc.images.discover import Found, absolute
from edgewbc.images.files import FileVersion
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.folder_scan import UNKNOWN, FolderScan
from edgewbc.lab.journal import Journal
from edgewbc.lab.pipeline import BATCH
from edgewbc.lab.prepared_image import ImageResult
from edgewbc.lab.results import ResultRow
from edgewbc.lab.resume import is_done, record

INTERVAL = 0.2
"""Seconds between two scans."""

SETTLE = 0.2
"""Seconds for which size and modification time must not have changed."""

PATIENCE = 5.0
"""Seconds for which a file may be undecodable or locked before it gets a row with an error."""

RETRY = 1.0
"""Seconds until a locked file is tried again."""

MAX_READY = 32
"""Files released per scan, so that the camera's next image does not wait for a long list of older ones."""


@dataclass(order=True, slots=True)
class _Waiting:
    """A file without a result, in the version that was scanned."""

    after: float  # when it is considered next
    name: str
    version: FileVersion = field(compare=False)
    since: float = field(compare=False)  # when this version was first seen
    broken: bool = field(default=False, compare=False)  # this version was read and could not be decoded
    reported: bool = field(default=False, compare=False)  # it has a row that says it cannot be read


class FolderWatcher:
    """Decides which files to read now. It reads no clock but the one it is given, and never sleeps.

    Attributes:
        deleted: names of files that were deleted before they had a result; for the caller to report and clear.
    """

    def __init__(
        self,
        tops: Sequence[str],
        has_result: Callable[[str, FileVersion], bool],
        clock: Callable[[], float] = time.monotonic,
        is_unchanged: Callable[[str, FileVersion], bool] | None = None,
        ours: Sequence[Path] = (),
    ) -> None:
        """Start watching.

        Args:
            tops: the folders; their subfolders are watched too, as they appear.
            has_result: returns whether a version of a file has a result already (`Journal.has`).
            clock: seconds; only differences matter.
            is_unchanged: as `has_result`, but may read the file, and is asked only before a file would be classified
                (`resume.is_done`).
            ours: files that the caller writes, which are not worth a remark.
        """
        self._is_unchanged = is_unchanged or has_result
        self._scan, self._has_result, self._clock = FolderScan(tops, clock, absolute(ours)), has_result, clock
        self._waiting: dict[str, _Waiting] = {}  # one per file; other entries in the queues are outdated
        self._soon: list[_Waiting] = []  # a heap
        self._backlog = deque[_Waiting]()  # what the first scan found: the camera's next image takes precedence
        self._first = True
        self.deleted: list[str] = []

    @property
    def problems(self) -> dict[str, str]:
        """By folder that cannot be read at the moment, the reason."""
        return self._scan.problems

    def left_out(self) -> Found:
        """Return what is in the folders besides images and subfolders."""
        return self._scan.left_out()

    def scan(self) -> list[str]:
        """Scan once; return at most `MAX_READY` names of files to read now. Each result must be passed to `accept`."""
        now = self._clock()
        for name, version in self._scan.changes():
            if not self._has_result(name, version):
                self._begin(name, version, now)
            else:
                self._waiting.pop(name, None)
        if self._first:
            self._first, self._backlog = False, deque(sorted(self._soon))
            self._soon.clear()
        ready: list[str] = []
        while self._soon and self._soon[0].after <= now and len(ready) < MAX_READY:
            ready += self._consider(heapq.heappop(self._soon), now)
        while self._backlog and self._backlog[0].after <= now and len(ready) < MAX_READY:
            ready += self._consider(self._backlog.popleft(), now)
        return ready

    def accept(self, result: ImageResult) -> bool:
        """Return whether a result is final and to be recorded; if not, its file is released again later."""
        now = self._clock()
        waiting = self._waiting.pop(str(result.path))
        if not result.sha256:  # nothing was read: the file was deleted, locked, or changed meanwhile
            if not os.path.lexists(waiting.name):
                self._drop(waiting.name)
                return False
            final = now - waiting.since >= PATIENCE and not waiting.reported
            reported = final or waiting.reported
            self._queue(replace(waiting, after=now + (PATIENCE if reported else RETRY), reported=reported))
            return final
        if result.version != waiting.version:
            self._begin(waiting.name, result.version, now)
            return False
        if result.error and now - waiting.since < PATIENCE:
            self._queue(replace(waiting, after=now + SETTLE, broken=True))
            return False
        return True

    @property
    def busy(self) -> bool:
        """Whether more files can be released at once."""
        now = self._clock()
        return any(queue[0].after <= now for queue in (self._soon, self._backlog) if queue)

    def _begin(self, name: str, version: FileVersion, now: float) -> None:
        self._scan.note(name, version)
        self._queue(_Waiting(now + SETTLE, name, version, now))

    def _queue(self, waiting: _Waiting) -> None:
        self._waiting[waiting.name] = waiting
        heapq.heappush(self._soon, waiting)

    def _consider(self, waiting: _Waiting, now: float) -> list[str]:
        """Release a file if it has not changed since it was scanned; otherwise it keeps waiting."""
        name = waiting.name
        if self._waiting.get(name) is not waiting:
            return []  # it has changed since, and waits in its new version
        try:
            version = FileVersion.of(os.stat(name))  # noqa: PTH116
        except OSError:
            version = UNKNOWN
            if not os.path.lexists(name):
                self._drop(name)
                return []
        if version != waiting.version:
            self._begin(name, version, now)
        elif waiting.broken and now < waiting.since + PATIENCE:
            self._queue(replace(waiting, after=now + SETTLE))
        elif self._is_unchanged(name, version):
            del self._waiting[name]
        else:
            return [name]
        return []

    def _drop(self, name: str) -> None:
        self._waiting.pop(name, None)
        self._scan.forget(name)
        self.deleted.append(name)


def watch(
    model: LoadedBundle,
    journal: Journal,
    tops: Sequence[str],
    *,
    step: Callable[[FolderWatcher], bool],
    ours: Sequence[Path] = (),
    batch: int = BATCH,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[list[ResultRow]]:
    """Classify images as they arrive; yield the rows of each once they are recorded. Ends when `step` returns False.

    Args:
        model: runs the network.
        journal: records the results; files that it holds are skipped.
        tops: the folders (see `outermost`).
        step: called after each scan and its results; False ends the watch.
        ours: files that the caller writes, which are not worth a remark.
        batch: images per inference call.
        clock, sleep: the time, and how to wait.

    Raises:
        UserError: the journal cannot be written.
    """
    watcher = FolderWatcher(tops, journal.has, clock, partial(is_done, journal), ours)

    def paths() -> Iterator[Path | None]:
        while True:
            for name in watcher.scan():
                yield Path(name)
            yield None  # everything released so far gets its result before the next scan
            if not step(watcher):
                return
            if not watcher.busy:
                sleep(INTERVAL)

    for images in model.classified(paths(), batch):
        if accepted := [image for image in images if watcher.accept(image.result)]:
            yield from record(journal, accepted)


def outermost(tops: Sequence[Path]) -> list[str]:
    """Return the folders that are not inside another one of them; the others are watched with those.

    Raises:
        UserError: one is not a folder.
    """
    found: dict[Path, str] = {}
    for top in tops:
        if not top.is_dir():
            raise UserError(f"{top}: is not a folder: --watch needs a folder")
    for top in sorted(tops, key=lambda path: len(path.absolute().parts)):
        resolved = top.resolve()
        if not any(resolved.is_relative_to(other) for other in found):
            found[resolved] = str(top)
    return list(found.values())
