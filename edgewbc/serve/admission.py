"""What is let in: the bytes and the images of all requests together stay below a limit.

Used by one thread, the event loop's.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from edgewbc.serve.limits import Limits
from edgewbc.serve.problems import Code, Problem, too_large

LONGEST_RETRY = 60


class Admission:
    """Counts what is being received and classified.

    Attributes:
        size: bytes of the requests.
        images: of the requests.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.size = self.images = 0

    def receive(self, size: int) -> Held:
        """Return a block that holds memory for the bytes of a request.

        Raises:
            Problem: it is too large, or the memory of others leaves no room for it now.
        """
        if size > self._limits.body:
            raise too_large(f"the request has {size:,} bytes: the limit is {self._limits.body:,}")
        if self.size and self.size + size > self._limits.memory:
            raise busy(1.0)
        return Held(self, size=size)

    def classify(self, images: int, wait: Callable[[int], float]) -> Held:
        """Return a block that holds places in the queue for the images of a request, all or none.

        Args:
            images: of the request.
            wait: returns the seconds that so many images take.

        Raises:
            Problem: the queue is full.
        """
        if self.images and self.images + images > self._limits.queue:
            raise busy(wait(self.images))
        return Held(self, images=images)


class Held:
    """A block in which memory, or places in the queue, are a request's own. (A generator takes three times as long.)"""

    __slots__ = ("_admission", "_images", "_size")

    def __init__(self, admission: Admission, size: int = 0, images: int = 0) -> None:
        self._admission, self._size, self._images = admission, size, images

    def __enter__(self) -> None:
        self._admission.size += self._size
        self._admission.images += self._images

    def __exit__(self, *_: object) -> None:
        self._admission.size -= self._size
        self._admission.images -= self._images


def busy(seconds: float) -> Problem:
    """Return the error of a request that finds the queue full, and may come again after some seconds."""
    retry = min(LONGEST_RETRY, max(1, math.ceil(seconds)))
    message = f"the queue is full: send the request again in {retry} s"
    return Problem(429, Code.BUSY, message, headers={"Retry-After": str(retry)})
