"""Limits of a server: what a request may hold, and how much may wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How much a server takes on.

    Attributes:
        body: bytes of the largest request.
        images: images of the largest request.
        pixels: of the largest image.
        values: of the JSON of a request, such as the numbers of an image of a million pixels: while JSON is read,
            nobody else is served.
        queue: images of all requests that are waiting or being classified; more are refused with 429.
        memory: bytes of all requests that are being received, waiting or being classified.
        batch: images per inference call.
        delay: seconds that an image waits at most, while a core is idle, for as many others as came together before.
        receive: seconds in which a client must have sent its request.
        drain: seconds that accepted requests get to finish after SIGTERM.
    """

    body: int = 64 << 20
    images: int = 256
    pixels: int = 50_000_000
    values: int = 3_000_000
    queue: int = 1024
    memory: int = 512 << 20
    batch: int = 32
    delay: float = 0.005
    receive: float = 60.0
    drain: int = 60
