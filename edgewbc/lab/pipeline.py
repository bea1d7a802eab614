"""Picture files to answers: reading, decoding and inference at the same time, in order, in bounded memory.

Reader threads read, decode and prepare (OpenCV lets go of the interpreter meanwhile); full batches go to OpenVINO's
asynchronous requests. Both take their turns on the same cores: a picture is decoded and a batch is answered only while
it holds one of as many permits as the engine has threads. So no core is idle while there is work, none is fought over,
and the engine's number of threads is the number of cores that are used, all in all.

What was measured and left out (PBC validation, n = 1,030, 112 x 112 input): decoding JPEG at half scale takes 0.4 ms
off 6.3 ms of CPU time a picture, but 4 labels change and 4 more are wrong. A last batch is left smaller, not filled up:
a new batch size costs some 10 ms once, and 5 idle pictures 25 ms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.lab.decode import PictureError, decode
from edgewbc.lab.engine import Answer, Engine
from edgewbc.lab.permits import Permits, one_thread_in_opencv
from edgewbc.lab.reading import read
from edgewbc.pixels import Picture, PixelSpec, prepare

WAITING = 2
"""Reader threads beyond the permits: so many files can be on their way from a slow disk while the cores work."""

LONGEST = 4
"""A batch is sent before it is full when it would hold back more than so many times its size of unreadable files."""


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
    picture: Picture | None = None
    notes: tuple[str, ...] = ()
    error: str = ""

    def outcome(
        self, probabilities: NDArray[np.float32] | None = None, features: NDArray[np.float32] | None = None
    ) -> Outcome:
        facts = (self.path, self.sha256, self.size, self.mtime_ns)
        return Outcome(*facts, probabilities, features, self.notes, self.error)


def run(
    engine: Engine,
    spec: PixelSpec,
    paths: Iterable[Path | Picture | None],
    *,
    batch: int = 8,
    readers: int | None = None,
) -> Iterator[Outcome]:
    """Answer pictures: an `Outcome` each, in the order given.

    `paths` may be endless. It is asked for its next path by the thread that asks for the next outcome, and some paths
    ahead; so one that waits for something (a folder that is watched) must give None, which means "nothing now": then
    everything that was given before is answered, before it is asked again.

    Memory does not depend on the number of paths: about `batch` times (the engine's requests + 2) prepared pictures
    are held, and one decoded picture a reader. Closing the iterator early ends the threads.

    Args:
        engine: answers; its threads are the cores that decoding and inference share.
        spec: how a picture meets the network.
        paths: of files; None in between as said above. Pictures in memory, uint8 RGB (height, width, 3), may stand
            among them: they are prepared as soon as they are given, and their outcomes have an empty path.
        batch: pictures answered at once; the last batch, and the one before a None, may be smaller.
        readers: threads that read and decode; None takes two more than the engine has threads.

    Raises:
        ValueError: batch or readers below 1. (Raised at once.)
    """
    count = engine.info["threads"] + WAITING if readers is None else readers
    if batch < 1 or count < 1:
        raise ValueError(f"batch {batch} and readers {count} must be 1 or more")
    return _answers(engine, spec, paths, batch, count)


def _answers(
    engine: Engine, spec: PixelSpec, paths: Iterable[Path | Picture | None], batch: int, readers: int
) -> Iterator[Outcome]:
    permits = Permits(engine)
    lanes: int = engine.info["requests"]
    ahead = 2 * batch + readers
    reads: deque[Future[_Seen]] = deque()
    part: list[_Seen] = []
    with (
        one_thread_in_opencv(),
        engine.requests(lanes) as requests,
        _pool("network", lanes) as network,
        _pool("reader", readers) as pool,
    ):
        groups = _Groups(engine, requests, permits, network)
        for path in chain(paths, (None,)):
            if isinstance(path, np.ndarray):
                reads.append(_ready(_Seen(Path(), picture=prepare(path, spec))))
            elif path is not None:
                reads.append(pool.submit(_see, path, spec, permits))
            while len(reads) > (0 if path is None else ahead):
                part.append(reads.popleft().result())
                if _full(part, batch):
                    yield from groups.add(part)
                    part = []
            if path is None:
                yield from groups.add(part)
                yield from groups.rest()
                part = []


def _ready(seen: _Seen) -> Future[_Seen]:
    """What a reader would have given, where there is nothing to read."""
    future: Future[_Seen] = Future()
    future.set_result(seen)
    return future


class _Groups:
    """Pictures in their order, in groups of which each has a batch with the network, or none if all are unreadable.

    A thread for each batch that the engine can work on at once starts a request and waits for it. (OpenVINO could call
    back instead, but a request that is freed while its callback is ending takes the program down with it.)
    """

    def __init__(self, engine: Engine, requests: list[Any], permits: Permits, pool: ThreadPoolExecutor) -> None:
        self._engine, self._permits, self._pool = engine, permits, pool
        self._requests: SimpleQueue[Any] = SimpleQueue()
        for request in requests:
            self._requests.put(request)
        self._most = len(requests) + 1  # one to go on with while the caller looks at an outcome
        self._sent: deque[tuple[list[_Seen], Future[Answer] | None]] = deque()

    def add(self, group: list[_Seen]) -> Iterator[Outcome]:
        """Send a group off, and give the outcomes that must be taken to make room for it."""
        if not group:
            return
        good = [seen.picture for seen in group if seen.picture is not None]
        if len(self._sent) == self._most:
            yield from self._oldest()
        self._sent.append((group, self._pool.submit(self._answer, np.stack(good)) if good else None))

    def rest(self) -> Iterator[Outcome]:
        """The outcomes of everything that was sent off."""
        while self._sent:
            yield from self._oldest()

    def _answer(self, pictures: NDArray[np.uint8]) -> Answer:
        request = self._requests.get()
        try:
            with self._permits.batch():
                return self._engine.answer(request, pictures)
        finally:
            self._requests.put(request)

    def _oldest(self) -> Iterator[Outcome]:
        group, future = self._sent.popleft()
        answer = None if future is None else future.result()
        index = 0
        for seen in group:
            if seen.picture is None or answer is None:
                yield seen.outcome()
            else:
                yield seen.outcome(answer.probabilities[index], answer.features[index])
                index += 1


def _full(part: list[_Seen], batch: int) -> bool:
    return sum(seen.picture is not None for seen in part) == batch or len(part) >= LONGEST * batch


def _see(path: Path, spec: PixelSpec, permits: Permits) -> _Seen:
    """Read, decode and prepare one picture; whatever is wrong with it is its `error`."""
    with permits.file(path):
        return _prepared(path, spec, permits)


def _prepared(path: Path, spec: PixelSpec, permits: Permits) -> _Seen:
    try:
        found = read(path)
    except PictureError as error:
        return _Seen(path, error=str(error))
    except MemoryError:
        return _Seen(path, error=NO_MEMORY)
    facts = (path, found.sha256, found.size, found.mtime_ns)
    try:
        with permits.picture():
            decoded = decode(found.data)
            return _Seen(*facts, prepare(decoded.picture, spec), decoded.notes)
    except PictureError as error:
        return _Seen(*facts, error=str(error))
    except MemoryError:
        return _Seen(*facts, error=NO_MEMORY)


@contextmanager
def _pool(name: str, threads: int) -> Iterator[ThreadPoolExecutor]:
    """Threads, which end with the block; what they have not begun by then is left."""
    pool = ThreadPoolExecutor(threads, f"edgewbc-{name}")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
