"""Picture files to answers: reading, decoding and inference at the same time, in order, in bounded memory.

Pictures go in groups, so that little is handed from thread to thread: readers fetch a group's files; a worker decodes
and prepares them, one by one, and then asks the network about a batch at a time (OpenCV and OpenVINO let go of the
interpreter meanwhile). There are as many workers as the engine has threads, and as many permits: a group is decoded
with one of them, a batch is answered with as many as its stream has threads. So no core is idle while there is work,
none is fought over, and the engine's number of threads is the number of cores that are used, all in all. (A task a
picture, and more working threads than cores, are slower with a small network.)

What was measured and left out (PBC validation, n = 1,030, 112 x 112 input): decoding JPEG at half scale takes 0.4 ms
off 6.3 ms of CPU time a picture, but 4 labels change and 4 more are wrong. A last batch is left smaller, not filled up:
a new batch size costs some 10 ms once, and 5 idle pictures 25 ms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from threading import Thread, current_thread
from time import monotonic

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.images.decode import ImageError, decode
from edgewbc.images.files import Contents, read
from edgewbc.lab.cpu_budget import Permits, one_thread_in_opencv
from edgewbc.lab.watchdog import LIMIT, Activity
from edgewbc.pixels import Image, PixelSpec, prepare
from edgewbc.runtime.pool import PredictorPool

BATCH = 32
"""Pictures that are answered at once."""

GROUP = 3
"""Batches of a group: who decodes many pictures and then answers several batches finds the caches warm more often. The
first groups have one batch, so that a small folder is shared out among the workers too."""

READERS = 2
"""Threads that do nothing but fetch files, while the cores work: a disk may be slow."""

AHEAD = 8 << 20
"""Bytes of files that are held of a group; what goes beyond is fetched when its turn has come."""

GRACE = 5.0
"""Seconds for which a run that ends early waits for what its threads are in the middle of."""

NO_MEMORY = "too large for the memory of this PC"


@dataclass(frozen=True)
class Outcome:
    """What came of one picture.

    Attributes:
        path: as it was given.
        sha256: of the file's bytes, in hexadecimal; empty if it could not be read.
        size, mtime_ns: bytes, and nanoseconds since 1970, when it was read; 0 if it could not be read.
        probabilities: float32 (K,); None for an error.
        features: float32 (d,), the pooled vector before the head; None for an error.
        notes: what a person should know about the picture (see `decode.Decoded`).
        error: why there is no answer; empty if there is one.
    """

    path: Path
    sha256: str
    size: int
    mtime_ns: int
    probabilities: NDArray[np.float32] | None
    features: NDArray[np.float32] | None
    notes: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class _Seen:
    """A picture that was read, and prepared if it could be."""

    path: Path
    sha256: str = ""
    size: int = 0
    mtime_ns: int = 0
    picture: Image | None = None
    notes: tuple[str, ...] = ()
    error: str = ""

    def outcome(
        self, probabilities: NDArray[np.float32] | None = None, features: NDArray[np.float32] | None = None
    ) -> Outcome:
        facts = (self.path, self.sha256, self.size, self.mtime_ns)
        return Outcome(*facts, probabilities, features, self.notes, self.error)


def run(
    engine: PredictorPool,
    spec: PixelSpec,
    paths: Iterable[Path | Image | None],
    *,
    batch: int = BATCH,
    readers: int = READERS,
) -> Iterator[Outcome]:
    """Answer pictures: an `Outcome` each, in the order given.

    `paths` may be endless. It is asked for its next path by the thread that asks for the next outcome, and some paths
    ahead; so one that waits for something (a folder that is watched) must give None, which means "nothing now": then
    everything that was given before is answered, before it is asked again.

    Memory does not depend on the number of paths: the files or the prepared pictures of twice as many groups as there
    are workers are held, and all pixels of one picture a worker. Closing the iterator early ends the threads.

    Args:
        engine: answers; its threads are the cores that decoding and inference share.
        spec: how a picture meets the network.
        paths: of files; None in between as said above. Pictures in memory, uint8 RGB (height, width, 3), may stand
            among them: they are prepared as soon as they are given, and their outcomes have an empty path.
        batch: pictures that are answered at once; with 1 each outcome is given as soon as it is there.
        readers: threads that fetch files.

    Raises:
        ValueError: batch or readers below 1. (Raised at once.)
        StalledError: nothing moves any more, for longer than any batch can take.
    """
    if batch < 1 or readers < 1:
        raise ValueError(f"batch {batch} and readers {readers} must be 1 or more")
    return _answers(engine, spec, paths, batch, readers)


def _answers(
    engine: PredictorPool, spec: PixelSpec, paths: Iterable[Path | Image | None], batch: int, readers: int
) -> Iterator[Outcome]:
    sent: deque[Future[list[Outcome]]] = deque()
    group: list[Path | _Seen] = []
    workers = engine.info.threads or 1
    with (
        one_thread_in_opencv(),
        _pool("worker", workers) as pool,
        _pool("reader", readers) as reading,
    ):
        activity = Activity(LIMIT * max(1, batch / BATCH))
        work, given = _Work(engine, spec, batch, activity), 0
        with activity.stage("loading OpenCV"):  # its first use is in one thread too, before any worker starts
            cv2.resize(cv2.cvtColor(np.zeros((4, 4, 3), np.uint8), cv2.COLOR_BGR2RGB), (2, 2))
            cv2.imdecode(cv2.imencode(".png", np.zeros((2, 2, 3), np.uint8))[1], cv2.IMREAD_COLOR)
        for path in chain(paths, (None,)):
            full = batch if batch == 1 or given < 2 * workers else GROUP * batch
            if path is not None:
                group.append(_Seen(Path(), picture=prepare(path, spec)) if isinstance(path, np.ndarray) else path)
            if group and (path is None or len(group) == full):
                sent.append(pool.submit(work.outcomes, reading.submit(_fetched, group, activity)))
                group = []
                given = 0 if path is None else given + 1
            while len(sent) >= (1 if path is None else 2 * workers):
                yield from activity.result(sent.popleft())


_Held = Path | tuple[Path, Contents | str] | _Seen
"""A picture of a group: a file not fetched yet, or with what it held (or why that is unknown), or prepared."""


class _Work:
    """What the workers do."""

    def __init__(self, engine: PredictorPool, spec: PixelSpec, batch: int, activity: Activity) -> None:
        self._engine, self._spec, self._batch, self._permits = engine, spec, batch, Permits(engine)
        self._activity = activity

    def outcomes(self, fetched: Future[list[_Held]]) -> list[Outcome]:
        """A group from its files to its answers."""
        seen = self._seen(fetched.result())
        good = [one.picture for one in seen if one.picture is not None]
        rows = chain.from_iterable(
            self._answered(good[first : first + self._batch]) for first in range(0, len(good), self._batch)
        )
        return [one.outcome(*next(rows)) if one.picture is not None else one.outcome() for one in seen]

    def _answered(self, pictures: Sequence[Image]) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        with self._permits.batch(), self._activity.stage(f"running the network on {len(pictures)} images"):
            answer = self._engine(np.stack(pictures))
        return zip(answer.probabilities, answer.features, strict=True)

    def _seen(self, group: list[_Held]) -> list[_Seen]:
        """The group decoded and prepared; in the place of its bytes, which are not needed any longer."""
        with self._permits.picture():
            for index, one in enumerate(group):
                if isinstance(one, tuple):
                    group[index] = self._prepared(*one)
        return [self._alone(one) if isinstance(one, Path) else one for one in group]  # type: ignore[misc]

    def _alone(self, path: Path) -> _Seen:
        """A file that was not fetched before."""
        with self._permits.file(path):
            with self._activity.stage(f"reading {path}"):
                contents = _contents(path)
            with self._permits.picture():
                return self._prepared(path, contents)

    def _prepared(self, path: Path, contents: Contents | str) -> _Seen:
        """A picture from its file's bytes, or what is wrong with it."""
        if isinstance(contents, str):
            return _Seen(path, error=contents)
        facts = (path, contents.sha256, contents.size, contents.mtime_ns)
        try:
            with self._activity.stage(f"decoding {path}"):
                decoded = decode(contents.data)
                return _Seen(*facts, prepare(decoded.picture, self._spec), decoded.notes)
        except ImageError as error:
            return _Seen(*facts, error=str(error))
        except MemoryError:
            return _Seen(*facts, error=NO_MEMORY)


def _fetched(group: list[Path | _Seen], activity: Activity) -> list[_Held]:
    """A group with its files' contents, as far as they are not large."""
    left, found = AHEAD, list[_Held]()
    for one in group:
        if isinstance(one, Path):
            with activity.stage(f"reading {one}"):
                left -= _size(one)
                found.append((one, _contents(one)) if left >= 0 else one)
        else:
            found.append(one)
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0  # reading it will say why


def _contents(path: Path) -> Contents | str:
    """A file's bytes, or why there are none."""
    try:
        return read(path)
    except ImageError as error:
        return str(error)
    except MemoryError:
        return NO_MEMORY


@contextmanager
def _pool(name: str, count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that end with the block, save one that is stuck: that one is left behind after `GRACE` seconds."""
    threads: list[Thread] = []
    pool = ThreadPoolExecutor(count, f"edgewbc-{name}", initializer=lambda: threads.append(current_thread()))
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        end = monotonic() + GRACE
        for thread in threads:
            thread.join(max(0.0, end - monotonic()))
