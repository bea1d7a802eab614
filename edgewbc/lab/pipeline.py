"""Image files to predictions: reading, decoding and inference run at the same time, in order and in bounded memory.

Images are handled in groups, so that threads exchange few messages: readers fetch the files of a group; a worker
decodes and prepares them one by one, runs the network on one batch at a time (OpenCV and OpenVINO release the
interpreter lock meanwhile), and finishes the results of the group together. There are as many workers as the engine
has threads, and a `CpuBudget` of as many cores: a group is decoded on one core, a batch is inferred on as many as its
stream has threads. So no core is idle while there is work, and the engine's number of threads is the number of cores
used in total. (One task per image, or more working threads than cores, is slower with a small network.)

Measured and rejected: decoding JPEG at a reduced scale changes labels (see `images.jpeg_pixels`). The last batch is
left smaller rather than padded: a new batch size costs about 10 ms once, 5 padding images 25 ms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from threading import Thread, current_thread
from time import monotonic
from typing import Generic, TypeVar

import cv2
import numpy as np

from edgewbc.images.decode import ImageError
from edgewbc.images.files import Contents, read
from edgewbc.lab.cpu_budget import CpuBudget, one_thread_in_opencv
from edgewbc.lab.prepared_image import NO_MEMORY, ImagePreparer, ImageResult, Output, PreparedImage
from edgewbc.lab.watchdog import LIMIT, Activity
from edgewbc.pixels import Image, PixelSpec
from edgewbc.runtime.pool import PredictorPool
from edgewbc.smear import appearance
from edgewbc.smear.microscope import Profile
from edgewbc.smear.prepare import Preparer
from edgewbc.smear.views import Views

BATCH = 32
"""Default batch size, in images."""

GROUP = 3
"""Batches per group: decoding many images before inferring several batches keeps the CPU's caches warm. The first
groups have one batch, so that a small folder is spread over all workers too."""

READERS = 2
"""Threads that only fetch files, so that a slow disk does not keep the cores waiting."""

PREFETCH = 8 << 20
"""Bytes of files that are prefetched per group; the rest is read when its turn comes."""

T = TypeVar("T")
Finish = Callable[[list[ImageResult]], T]
"""What the workers turn the results of a group into."""

GRACE = 5.0
"""Seconds for which a run that ends early waits for its threads to finish their current step."""


def run(
    engine: PredictorPool,
    spec: PixelSpec,
    paths: Iterable[Path | Image | None],
    *,
    batch: int = BATCH,
    readers: int = READERS,
    measure: bool = False,
    profile: Profile | None = None,
    views: Views | None = None,
) -> Iterator[ImageResult]:
    """Run the network on images; yield an `ImageResult` each, in the order given. See `run_groups`.

    Raises:
        ValueError: batch or readers below 1. (Raised at once.)
        StalledError: no thread has finished a step for longer than any batch can take.
    """
    options = (engine, spec, paths, _unchanged)
    return _each(run_groups(*options, batch=batch, readers=readers, measure=measure, profile=profile, views=views))


def _unchanged(results: list[ImageResult]) -> list[ImageResult]:
    return results


def _each(groups: Generator[list[ImageResult], None, None]) -> Iterator[ImageResult]:
    with closing(groups):
        for group in groups:
            yield from group


def run_groups(
    engine: PredictorPool,
    spec: PixelSpec,
    paths: Iterable[Path | Image | None],
    finish: Finish[T],
    *,
    batch: int = BATCH,
    readers: int = READERS,
    measure: bool = False,
    profile: Profile | None = None,
    views: Views | None = None,
) -> Generator[T, None, None]:
    """Run the network on images; yield what `finish` makes of each group of results, in the order given.

    `paths` may be endless. The thread that asks for the next result also asks for the next path, some paths ahead; so
    a source that waits for something (a watched folder) must yield None, which means "nothing now": then the results of
    everything before are yielded before the source is asked again.

    Memory depends neither on the number of paths nor on the number of cells in an image: the files of twice as many
    groups as there are workers are held, and per worker the pixels of one image and the prepared cells of one group's
    batches. Closing the iterator early ends the threads.

    Args:
        engine: runs the network; its threads are the cores that decoding and inference share.
        spec: crop and input size of the network.
        paths: of files; None in between as described. Arrays, uint8 RGB (height, width, 3), may be mixed in: they are
            prepared as soon as they are given, and their results have an empty path.
        finish: is given the results of a group, at least one; called by the workers.
        batch: images per inference call; with 1, each image is a group, so that it is yielded as soon as it is ready.
        readers: threads that fetch files.
        measure: also measure the appearance of each prepared cell.
        profile: of the microscope, for the crop `cell`; None takes it to be the reference's.
        views: further views of each cell that the network is run on, for the crop `cell`.

    Raises:
        ValueError: batch or readers below 1. (Raised at once.)
        StalledError: no thread has finished a step for longer than any batch can take.
    """
    if batch < 1 or readers < 1:
        raise ValueError(f"batch {batch} and readers {readers} must be 1 or more")
    return _run(engine, ImagePreparer(Preparer(spec, profile, views), measure), finish, paths, batch, readers)


def _run(
    engine: PredictorPool,
    prepare: ImagePreparer,
    finish: Finish[T],
    paths: Iterable[Path | Image | None],
    batch: int,
    readers: int,
) -> Generator[T, None, None]:
    submitted: deque[Future[_Group[T]]] = deque()
    group: list[Path | PreparedImage] = []
    workers = engine.info.threads or 1
    with (
        one_thread_in_opencv(),
        thread_pool("worker", workers) as pool,
        thread_pool("reader", readers) as reading,
    ):
        activity = Activity(LIMIT * max(1, batch / BATCH))
        views = 1 if prepare.preparer.views is None else len(prepare.preparer.views)
        groups, crowding = 0, float(views)
        work = _Worker(engine, prepare, finish, batch, activity)
        with activity.stage("loading OpenCV"):  # its first use is in one thread too, before any worker starts
            cv2.resize(cv2.cvtColor(np.zeros((4, 4, 3), np.uint8), cv2.COLOR_BGR2RGB), (2, 2))
            cv2.imdecode(cv2.imencode(".png", np.zeros((2, 2, 3), np.uint8))[1], cv2.IMREAD_COLOR)
            appearance.measure(np.zeros((4, 4, 3), np.uint8))
        for path in chain(paths, (None,)):
            full = batch if batch == 1 or groups < 2 * workers else GROUP * batch
            full = max(1, round(full / crowding))  # a field holds more cells, and a cell has more views
            if path is not None:
                group.append(prepare.pixels(path) if isinstance(path, np.ndarray) else path)
            size = full if path is not None else min(full, batch)  # the last images are spread over all workers
            while group and (path is None or len(group) >= full):
                submitted.append(pool.submit(work.group, reading.submit(_fetch, group[:size], activity)))
                del group[:size]
                groups = 0 if path is None else groups + 1
            while len(submitted) >= (1 if path is None else 2 * workers):
                done = activity.result(submitted.popleft())
                crowding = max(1.0, views * done.crowding)
                yield done.found


@dataclass(frozen=True)
class _Group(Generic[T]):
    """What became of a group, and the number of cells per image."""

    found: T
    crowding: float


_Item = Path | tuple[Path, Contents | str] | PreparedImage
"""An image of a group: a file that is not fetched yet, or with its contents (or why it has none), or prepared."""


class _Worker(Generic[T]):
    """The work of the worker threads."""

    def __init__(
        self, engine: PredictorPool, prepare: ImagePreparer, finish: Finish[T], batch: int, activity: Activity
    ) -> None:
        self._engine, self._batch, self._budget = engine, batch, CpuBudget(engine)
        self._activity, self._prepare, self._finish = activity, prepare, finish

    def group(self, fetched: Future[list[_Item]]) -> _Group[T]:
        """Turn the fetched files of a group into results; it is emptied, so that files are released at once.

        At most `GROUP` batches of prepared cells wait for the network, and those of one image more.
        """
        group = fetched.result()
        group.reverse()
        prepared: list[PreparedImage] = []
        waiting: list[Image] = []
        outputs: list[Output] = []
        while group or waiting:
            self._decode_some(group, prepared, waiting)
            while waiting and (not group or len(waiting) >= self._batch):
                outputs += self._infer(waiting[: self._batch])
                del waiting[: self._batch]
        with self._budget.decoding(), self._activity.stage(f"finishing {len(prepared)} images"):
            each = iter(outputs)
            results = [item.result(each) for item in prepared]
            return _Group(self._finish(results), sum(len(result.cells) for result in results) / len(results))

    def _infer(self, images: Sequence[Image]) -> Iterator[Output]:
        with self._budget.inference(), self._activity.stage(f"running the network on {len(images)} images"):
            found = self._engine(np.stack(images))
        return zip(found.probabilities, found.features, strict=True)

    def _decode_some(self, group: list[_Item], prepared: list[PreparedImage], waiting: list[Image]) -> None:
        """Decode and prepare images from the end of a group until `GROUP` batches of cells wait or it is empty."""
        room, taken = GROUP * self._batch - len(waiting), list[PreparedImage]()

        def take(item: PreparedImage) -> None:
            nonlocal room
            room -= len(item.images)
            taken.append(item)

        while group and room > 0:
            if isinstance(path := group[-1], Path):
                group.pop()
                take(self._read_and_decode(path))
                continue
            with self._budget.decoding():
                while group and not isinstance(item := group[-1], Path) and room > 0:
                    group.pop()
                    take(self._decode(*item) if isinstance(item, tuple) else item)
        with self._budget.decoding(), self._activity.stage(f"measuring {len(taken)} images"):
            for item in self._prepare.measured(taken):
                waiting.extend(item.images)
                prepared.append(replace(item, images=()))

    def _read_and_decode(self, path: Path) -> PreparedImage:
        """Read and decode a file that was not prefetched."""
        with self._budget.file(path):
            with self._activity.stage(f"reading {path}"):
                contents = _read(path)
            with self._budget.decoding():
                return self._decode(path, contents)

    def _decode(self, path: Path, contents: Contents | str) -> PreparedImage:
        """Decode and prepare a file's bytes, or say what is wrong with them."""
        if isinstance(contents, str):
            return PreparedImage(path, error=contents)
        with self._activity.stage(f"decoding {path}"):
            return self._prepare.data(contents.data, (path, contents.sha256, contents.version))


def _fetch(group: list[Path | PreparedImage], activity: Activity) -> list[_Item]:
    """Read the files of a group, up to `PREFETCH` bytes."""
    left, found = PREFETCH, list[_Item]()
    for item in group:
        if isinstance(item, Path):
            with activity.stage(f"reading {item}"):
                left -= _size(item)
                found.append((item, _read(item)) if left >= 0 else item)
        else:
            found.append(item)
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0  # reading it will report the error


def _read(path: Path) -> Contents | str:
    """Return a file's contents, or why it has none."""
    try:
        return read(path)
    except ImageError as error:
        return str(error)
    except MemoryError:
        return NO_MEMORY


@contextmanager
def thread_pool(name: str, count: int) -> Iterator[ThreadPoolExecutor]:
    """Provide threads that end with the block; one that is stuck is abandoned after `GRACE` seconds."""
    threads: list[Thread] = []
    pool = ThreadPoolExecutor(count, f"edgewbc-{name}", initializer=lambda: threads.append(current_thread()))
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        end = monotonic() + GRACE
        for thread in threads:
            thread.join(max(0.0, end - monotonic()))
