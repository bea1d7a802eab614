"""Dynamic batching: the images of several requests in one inference call, in order of arrival, on a bounded delay.

There are as many workers as the model has threads. A worker decodes and prepares images one by one, as they come, until
it has its share of as many images as were there at once a moment ago; then it runs the network on them together, as
`lab.pipeline` does. A batch costs nearly as much as one image beside what each of them takes, so that small batches are
to be avoided while many clients wait, and a client that is alone is not to wait for others: a worker that lacks images
waits for them no longer than the delay after its first one has come. While the responses of one batch are sent and the
next requests are read, the images that are there already are decoded: no core waits for a batch to be full.

An image that makes the network fail is tried again alone, so that it fails alone.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Protocol, TypeAlias

import numpy as np

from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.cpu_budget import CpuBudget, one_thread_in_opencv
from edgewbc.lab.prepared_image import ImagePreparer, Output, PreparedImage
from edgewbc.lab.results import ResultRow
from edgewbc.pixels import Image
from edgewbc.serve.limits import Limits
from edgewbc.serve.request import Source
from edgewbc.smear.prepare import Preparer

LOG = logging.getLogger("edgewbc.serve")
RECENT = 0.2
"""Weight of the newest batch in the running mean of seconds per image."""


Run: TypeAlias = Callable[[Callable[[], None]], object]
"""Runs a function, perhaps later and in another thread, as `loop.call_soon_threadsafe` does."""


def _at_once(step: Callable[[], None]) -> None:
    step()


class Promise(Protocol):
    """Where the rows of a request go: a future of `concurrent.futures`, or one of asyncio."""

    def done(self) -> bool:
        """Return whether it is completed, or nobody waits for it any more."""

    def set_result(self, result: list[list[ResultRow]], /) -> None:
        """Complete it with the rows of each image."""

    def set_exception(self, exception: Exception, /) -> None:
        """Complete it with the exception of the first image that failed."""


class Pending:
    """A request whose images are being classified.

    Attributes:
        promise: is completed at the end.
        run: runs what completes it.
    """

    def __init__(self, count: int, promise: Promise, run: Run) -> None:
        self.promise, self.run = promise, run
        self._rows: list[list[ResultRow]] = [[] for _ in range(count)]
        self._error: Exception | None = None
        self._left = count
        self._lock = threading.Lock()

    def done(self, index: int, found: list[ResultRow] | Exception) -> bool:
        """Take the rows of an image, or its error; return whether it was the last one."""
        with self._lock:
            if isinstance(found, Exception):
                self._error = self._error or found
            else:
                self._rows[index] = found
            self._left -= 1
            return not self._left

    def complete(self) -> None:
        """Hand out the rows, or the first error, if anybody waits for them."""
        if self.promise.done():
            return
        if self._error is None:
            self.promise.set_result(self._rows)
        else:
            self.promise.set_exception(self._error)


class _Job:
    """An image of a request."""

    __slots__ = ("arrived", "index", "pending", "source")

    def __init__(self, pending: Pending, index: int, source: Source) -> None:
        self.pending, self.index, self.source, self.arrived = pending, index, source, monotonic()


class Batcher:
    """Classifies the images of requests with one model, in threads of its own until it is closed."""

    def __init__(
        self,
        model: LoadedBundle,
        limits: Limits,
        share: CpuBudget | None = None,
        seen: Callable[[int, float], None] = lambda images, seconds: None,
    ) -> None:
        """Start the workers.

        Args:
            model: to run.
            limits: batch, delay and pixels are used.
            share: cores that other models use too.
            seen: told of every batch: images, and seconds from decoding to rows.
        """
        self.budget = CpuBudget(model.engine, share)
        self._model, self._limits, self._seen = model, limits, seen
        bundle = model.bundle
        prepare = Preparer(bundle.pixels, model.microscope.profile, bundle.manifest.views)
        self._prepare = ImagePreparer(prepare, bundle.manifest.training_images is not None)
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._running = self._crowd = 0  # images that workers are at; images that were here at once a moment ago
        self._seconds = 0.0
        self._resources = ExitStack()
        self._resources.enter_context(one_thread_in_opencv())
        count = model.engine.info.threads or 1
        self._workers = [threading.Thread(target=self._work, name=f"edgewbc-serve-{n}") for n in range(count)]
        for worker in self._workers:
            worker.start()

    def submit(self, images: Sequence[Source]) -> Future[list[list[ResultRow]]]:
        """Queue the images of a request; return the rows of each, in their order.

        Raises:
            RuntimeError: the batcher is closed.
        """
        future: Future[list[list[ResultRow]]] = Future()
        future.set_running_or_notify_cancel()  # from here on, nobody can cancel it
        self.queue(images, future)
        return future

    def queue(self, images: Sequence[Source], promise: Promise, run: Run = _at_once) -> None:
        """Queue the images of a request.

        Args:
            images: of the request.
            promise: takes the rows of each, in their order.
            run: completes promises, those of a batch together: an event loop is woken once for each batch, since each
                time takes the interpreter lock from the workers.

        Raises:
            RuntimeError: the batcher is closed.
        """
        pending = Pending(len(images), promise, run)
        with self._changed:
            if self._closed:
                raise RuntimeError("the batcher is closed")
            self._jobs.extend(_Job(pending, index, source) for index, source in enumerate(images))
            self._crowd = max(self._crowd, self._running + len(self._jobs))
            self._changed.notify(len(images))

    @property
    def waiting(self) -> int:
        """Images that no worker has taken yet."""
        return len(self._jobs)

    def seconds(self, images: int) -> float:
        """Return the seconds that so many images take, by the speed of recent batches."""
        return images * self._seconds / len(self._workers)

    def close(self) -> None:
        """Classify what is queued, then end the workers."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.join()
        self._resources.close()

    def _work(self) -> None:
        while first := self._first():
            begun, jobs = monotonic(), [first]
            found = self._process(jobs, self._taken(jobs))
            complete = [job.pending for job, rows in zip(jobs, found, strict=True) if job.pending.done(job.index, rows)]
            with self._changed:
                self._running -= len(jobs)
            seconds = monotonic() - begun
            mean = seconds / len(jobs)
            self._seconds = mean if not self._seconds else self._seconds + RECENT * (mean - self._seconds)
            self._seen(len(jobs), seconds)
            for run in {pending.run: None for pending in complete}:
                group = [pending for pending in complete if pending.run == run]
                with suppress(RuntimeError):  # the event loop is closed: nobody waits any more
                    run(partial(_complete, group))

    def _first(self) -> _Job | None:
        """Wait for the first image of a batch; return None when the batcher is closed and the queue is empty."""
        with self._changed:
            while not self._jobs and not self._closed:
                self._changed.wait()
            return self._pop() if self._jobs else None

    def _taken(self, jobs: list[_Job]) -> Iterator[Source]:
        """Yield the images of a batch as they come, and add them to `jobs`, which holds the first one."""
        yield jobs[0].source
        while more := self._next(jobs):
            jobs.append(more)
            yield more.source

    def _next(self, jobs: Sequence[_Job]) -> _Job | None:
        """Return the next image of a batch, as soon as there is one; None if the network is to run without more."""
        with self._changed:
            while len(jobs) < min(self._limits.batch, -(-self._crowd // len(self._workers))):
                if self._jobs:
                    return self._pop()
                left = jobs[0].arrived + self._limits.delay - monotonic()
                if self._closed or left <= 0:  # others have gone: expect fewer
                    self._crowd = (self._crowd + self._running) // 2
                    break
                self._changed.wait(left)
            if self._jobs:  # this worker may have been woken for it, and another one waits
                self._changed.notify()
            return None

    def _pop(self) -> _Job:
        self._running += 1
        return self._jobs.popleft()

    def _process(self, jobs: list[_Job], sources: Iterable[Source]) -> list[list[ResultRow] | Exception]:
        """Classify images, which may be added to `jobs` meanwhile; whatever happens, each has rows or an error."""
        try:
            return [*self._rows(sources)]
        except Exception as error:
            if len(jobs) > 1:
                return [found for job in jobs for found in self._process([job], [job.source])]
            LOG.exception("an image of a request could not be classified")
            return [error]

    def _rows(self, sources: Iterable[Source]) -> list[list[ResultRow]]:
        most = self._limits.batch
        prepared: list[PreparedImage] = []
        waiting: list[Image] = []
        outputs: list[Output] = []
        taken: list[PreparedImage] = []

        def measure() -> None:
            for image in self._prepare.measured(taken):
                prepared.append(replace(image, images=()))
                waiting.extend(image.images)
            taken.clear()

        for source in sources:
            with self.budget.decoding():
                taken.append(self._prepared(source))
                if len(waiting) + sum(len(image.images) for image in taken) >= most:  # an image may hold many cells
                    measure()
            while len(waiting) >= most:
                outputs += self._infer(waiting[:most])
                del waiting[:most]
        with self.budget.decoding():
            measure()
        if waiting:
            outputs += self._infer(waiting)
        each = iter(outputs)
        return [image.rows for image in self._model.finished(image.result(each) for image in prepared)]

    def _prepared(self, source: Source) -> PreparedImage:
        if isinstance(source, bytes):
            return self._prepare.data(source, limit=self._limits.pixels)
        return self._prepare.pixels(source)

    def _infer(self, images: Sequence[Image]) -> list[Output]:
        with self.budget.inference():
            found = self._model.engine(np.stack(images))
        return list(zip(found.probabilities, found.features, strict=True))


def _complete(group: Sequence[Pending]) -> None:
    for pending in group:
        pending.complete()
