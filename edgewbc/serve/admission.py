"""What is let in: the bytes and the images of all requests together stay below a limit.

Used by one thread, the event loop's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgewbc.serve.limits import Limits
from edgewbc.serve.problems import Code, Problem, too_large

LONGEST_RETRY = 60


class Admission:
    """Counts what is being received and classified.

    Attributes:
        size: bytes of the requests.
        images: of the requests.
        stopping: whether no more requests are taken.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.size = self.images = 0
        self.stopping = False

    @contextmanager
    def receive(self, size: int) -> Iterator[None]:
        """Hold memory for the bytes of a request.

        Raises:
            Problem: it is too large, or the memory of others leaves no room for it now.
        """
        if self.stopping:
            raise Problem(503, Code.STOPPING, "the server is about to end", headers={"Retry-After": "1"})
        if size > self._limits.body:
            raise too_large(f"the request has {size:,} bytes: the limit is {self._limits.body:,}")
        if self.size and self.size + size > self._limits.memory:
            raise busy(1.0)
        self.size += size
        try:
            yield
        finally:
            self.size -= size

    @contextmanager
    def classify(self, images: int, wait: Callable[[int], float]) -> Iterator[None]:
        """Hold places in the queue for the images of a request, all or none.

        Args:
            images: of the request.
            wait: returns the seconds that so many images take.

        Raises:
            Problem: the queue is full.
        """
        if self.images and self.images + images > self._limits.queue:
            raise busy(wait(self.images))
        self.images += images
        try:
            yield
        finally:
            self.images -= images


def busy(seconds: float) -> Problem:
    """Return the error of a request that finds the queue full, and may come again after some seconds."""
    retry = min(LONGEST_RETRY, max(1, math.ceil(seconds)))
    message = f"the queue is full: send the request again in {retry} s"
    return Problem(429, Code.BUSY, message, headers={"Retry-After": str(retry)})
