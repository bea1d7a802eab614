"""The CPU budget that decoding and inference share, so that a run never uses more cores than it was given."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import cv2

from edgewbc.runtime.pool import PredictorPool

LARGE = 32 << 20
"""Size in bytes from which only one file at a time is held in memory."""


class CpuBudget:
    """As many cores as the engine has threads: decoding takes one, a batch as many as its stream has threads."""

    def __init__(self, engine: PredictorPool, share: CpuBudget | None = None) -> None:
        """Take the number of threads and streams from `engine.info`.

        Args:
            engine: runs the batches.
            share: budget of another engine that runs beside this one; its cores are used instead of as many again.
        """
        threads = engine.info.threads or 1
        self._threads: int = threads if share is None else share._threads
        self._cores_per_batch = min(self._threads, max(1, threads // max(1, engine.info.streams)))
        self._cores: threading.Semaphore = threading.Semaphore(threads) if share is None else share._cores
        self._collecting: threading.Lock = threading.Lock() if share is None else share._collecting
        self._large_file: threading.Lock = threading.Lock() if share is None else share._large_file

    def file(self, path: Path) -> AbstractContextManager[object]:
        """Return what to hold from before a file is read until it is decoded: a lock if the file is large."""
        try:
            return self._large_file if path.stat().st_size >= LARGE else nullcontext()
        except (OSError, ValueError):
            return nullcontext()  # reading it will report the error

    def decoding(self) -> AbstractContextManager[object]:
        """Return what to hold while an image is decoded and prepared: one core."""
        return self._cores

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Hold the cores of one batch."""
        with self._collecting:  # two threads that each held a part of what they need would wait for each other
            for _ in range(self._cores_per_batch):
                self._cores.acquire()
        try:
            yield
        finally:
            self._cores.release(self._cores_per_batch)


_users = 0
_threads_before = 0
_lock = threading.Lock()


@contextmanager
def one_thread_in_opencv() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own; its setting is restored when the last such block ends."""
    global _users, _threads_before
    with _lock:
        if not _users:
            _threads_before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                cv2.setNumThreads(_threads_before)
