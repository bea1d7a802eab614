"""Who may work when: decoding and inference share the cores that a run was given."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import cv2

from edgewbc.runtime.pool import PredictorPool

LARGE = 32 << 20
"""Bytes of a file from which on only one is held at a time."""


class Permits:
    """As many as the engine has threads; decoding takes one, a batch as many as its stream has threads."""

    def __init__(self, engine: PredictorPool) -> None:
        threads = engine.info.threads or 1
        self._left = threading.Semaphore(threads)
        self._of_a_batch = max(1, threads // max(1, engine.info.streams))
        self._several = threading.Lock()
        self._large = threading.Lock()

    def file(self, path: Path) -> AbstractContextManager[object]:
        """To be held from before a file is read until it is prepared."""
        try:
            return self._large if path.stat().st_size >= LARGE else nullcontext()
        except (OSError, ValueError):
            return nullcontext()  # reading it will say why

    def picture(self) -> AbstractContextManager[object]:
        """To be held while a picture is decoded and prepared."""
        return self._left

    @contextmanager
    def batch(self) -> Iterator[None]:
        """To be held while a batch is answered."""
        with self._several:  # two that had one of several each would wait for each other
            for _ in range(self._of_a_batch):
                self._left.acquire()
        try:
            yield
        finally:
            self._left.release(self._of_a_batch)


_users = 0
_before = 0
_lock = threading.Lock()


@contextmanager
def one_thread_in_opencv() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own for each picture; as it was when the last that asked has ended."""
    global _users, _before
    with _lock:
        if not _users:
            _before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                cv2.setNumThreads(_before)
