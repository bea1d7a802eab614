"""The engine that classifies in a process per core of this PC.

In one process, the threads wait for each other: Python's own code runs in one of them at a time. With a process per
core each has a Python of its own, at the cost of its memory and of half a second to start it.

An image may end the process that reads it (a crash in a decoder). Then the images that this process had are halved and
given to new ones, until a single image is left; if that ends two, it becomes a row with an error.
"""

from __future__ import annotations

import pickle  # noqa: S403 - only between this process and those that it starts
import subprocess  # noqa: S404
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import closing, suppress
from itertools import chain
from queue import Empty, SimpleQueue
from typing import IO, Any

from edgewbc.errors import UserError
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.engine import Engine
from edgewbc.lab.journal import Journal, Reading
from edgewbc.lab.pipeline import GRACE, thread_pool
from edgewbc.lab.results import ResultRow
from edgewbc.lab.watchdog import LIMIT, Activity
from edgewbc.lab.worker_task import WorkerTask, parts, unread

AHEAD = 3
"""Parts for each worker that are handed out before the first of them has to be ready: rows are recorded in order."""

START_LIMIT = 2 * LIMIT
"""Seconds after which a worker that is not ready is ended."""

STARTS = 2
"""Workers that may end one after the other before they are ready: a single one may have been killed by somebody."""

MAX_ENDS = 64
"""Workers that may end one after the other with nothing done in between; then it is not the images that end them."""

REMEDY = "leave out --engine processes, or lower --threads"


class Processes(Engine):
    """Classifies in a process per core; the rows are those of `ThisProcess`."""

    in_order = True

    def classify(
        self, model: LoadedBundle, journal: Journal, names: Sequence[str], batch: int
    ) -> Iterator[list[ResultRow]]:
        """Classify in order; see `Engine`. As many processes as `model` has threads; none if there is nothing to do.

        Raises:
            UserError: workers cannot be started, or keep ending.
        """
        if not names:
            return
        threads = model.engine.info.threads or 1
        each = parts(names, threads, batch, model.bundle.manifest.views)
        with closing(WorkerPool(model, batch, min(threads, len(each)))) as workers:
            for found in workers.map(each):
                journal.add_all(found)
                for reading in found:
                    yield list(reading.rows)


class _EndedError(Exception):
    """A worker's process has ended."""


class WorkerPool:
    """Worker processes with one model, each used by one thread at a time and started when it is first needed."""

    def __init__(self, model: LoadedBundle, batch: int, count: int) -> None:
        """Start nothing yet.

        Args:
            model: that the workers load too, each for one core.
            batch: images per inference call.
            count: of processes, 1 or more.

        Raises:
            UserError: no worker could load the model.
        """
        self._model, self._task, self._count = model, WorkerTask.of(model, batch), count
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        self._lock = threading.Lock()
        self._running: set[_Process] = set()
        self._closed = False
        self._ends = 0

    def map(self, parts: Sequence[Sequence[str]]) -> Generator[list[Reading], None, None]:
        """Classify images; yield the readings of each part, in order. The pool is closed if that is left early.

        An image that ended two workers has an error.

        Raises:
            UserError, StalledError: no worker can go on.
        """
        largest = max(map(len, parts), default=0)
        activity = Activity(LIMIT * (1 + largest / self._task.batch))  # workers have guards of their own: the last one
        submitted: deque[Future[list[Reading]]] = deque()
        with thread_pool("process", self._count) as pool:
            try:
                for part in chain(parts, (None,)):
                    if part is not None:
                        submitted.append(pool.submit(self._readings, part, activity))
                    while submitted and (part is None or len(submitted) >= AHEAD * self._count):
                        yield activity.result(submitted.popleft())
            except BaseException:
                self.close()  # so that no thread waits for a worker
                raise

    def processes(self) -> list[int]:
        """Return the numbers of the processes that run now."""
        with self._lock:
            return [process.number for process in self._running]

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._closed, running = True, list(self._running)
        for process in running:
            process.kill()
        with suppress(Empty):
            while True:
                self._idle.get_nowait().end()

    def _readings(self, names: Sequence[str], activity: Activity) -> list[Reading]:
        """Classify images in a worker, or in several if they end it. Raises CancelledError after `close`."""
        with suppress(_EndedError):
            return self._ask(names, activity)
        if len(names) > 1:
            half = len(names) // 2
            return self._readings(names[:half], activity) + self._readings(names[half:], activity)
        with suppress(_EndedError):
            return self._ask(names, activity)
        return [unread(self._model, names[0])]

    def _ask(self, names: Sequence[str], activity: Activity) -> list[Reading]:
        process = self._take(activity)
        try:
            with activity.stage(f"classifying {len(names)} images from {names[0]}"):
                found: list[Reading] = process.ask(list(names))
        except _EndedError:
            self._drop(process)
            raise
        self._ends = 0
        self._idle.put(process)
        return found

    def _take(self, activity: Activity) -> _Process:
        with suppress(Empty):
            return self._idle.get_nowait()
        for _ in range(STARTS):
            with self._lock:  # so that `close` misses none
                if self._closed:
                    raise CancelledError
                process = _Process()
                self._running.add(process)
            try:
                with activity.stage("starting a worker process"):
                    process.begin(self._task)
                return process
            except _EndedError:
                self._drop(process)
        raise UserError(f"--engine processes: a worker process {process.ending()}: {REMEDY}")

    def _drop(self, process: _Process) -> None:
        process.end()
        with self._lock:
            self._running.discard(process)
            if self._closed:
                raise CancelledError
            self._ends += 1
            if self._ends > MAX_ENDS:
                raise UserError(f"--engine processes: workers keep ending, the last {process.ending()}: {REMEDY}")


class _Process:
    """A process that runs `lab.worker_process`."""

    def __init__(self) -> None:
        """Start it, apart from Ctrl-C: it is this process that ends it. Raises UserError if there is no room for it."""
        apart: dict[str, Any] = {"process_group": 0}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        command = [sys.executable, "-P", "-m", "edgewbc.lab.worker_process"]
        try:
            self._process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **apart
            )
        except OSError as error:
            raise UserError(f"--engine processes: cannot start a process: {error.strerror}: {REMEDY}") from None

    @property
    def number(self) -> int:
        """Its number in the system."""
        return self._process.pid

    def begin(self, task: WorkerTask) -> None:
        """Hand it its task, and wait until its model is ready.

        Raises:
            UserError: its model cannot run, or is another one.
            _EndedError: it has ended.
        """
        timer = threading.Timer(START_LIMIT, self._process.kill)
        timer.name, timer.daemon = "edgewbc-start", True
        timer.start()
        try:
            self.ask(task)
        finally:
            timer.cancel()

    def ask(self, value: object) -> Any:
        """Send it a value, and return its answer.

        Raises:
            UserError, StalledError, WorkerBugError: its answer is this error.
            _EndedError: it has ended.
        """
        questions, answers = self._pipes()
        try:
            pickle.dump(value, questions)
            questions.flush()
            answer = pickle.load(answers)  # noqa: S301
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            raise _EndedError from None
        if isinstance(answer, Exception):
            self.end()
            raise answer
        return answer

    def kill(self) -> None:
        """End it at once, while another thread may wait for it; it has nothing to save."""
        self._process.kill()

    def end(self) -> None:
        """End it at once, where no other thread waits for it."""
        self.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        for pipe in self._pipes():
            with suppress(OSError):  # what was written last never reached it
                pipe.close()

    def ending(self) -> str:
        """Return how it ended, such as `ended with exit code 1`."""
        try:
            code = self._process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            return "does not end"
        return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        given, answers = self._process.stdin, self._process.stdout
        if given is None or answers is None:
            raise _EndedError
        return given, answers
