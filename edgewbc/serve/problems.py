"""Errors of a request: an HTTP status, a code for programs and one line for a person."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """What is wrong, for programs."""

    REQUEST = "bad_request"
    """It is not a request of the protocol, or not one that this model takes."""
    IMAGE = "bad_image"
    """An image cannot be used; `images` says which and why."""
    TOO_LARGE = "too_large"
    BUSY = "busy"
    """The queue is full: send the request again after `Retry-After` seconds."""
    TIMEOUT = "timeout"
    NOT_FOUND = "not_found"
    METHOD = "method_not_allowed"
    TOKEN = "unauthorized"  # noqa: S105 - a code, not a token
    FOREIGN = "forbidden"
    INTERNAL = "internal"


@dataclass(frozen=True)
class BadImage:
    """An image of a request that gives no prediction.

    Attributes:
        image: its position in the request, from 0.
        reason: why, as `classify` writes it.
    """

    image: int
    reason: str


class Problem(Exception):
    """A request that gets an error instead of predictions.

    Attributes:
        status: of HTTP.
        code: what is wrong, for programs.
        message: one line for a person.
        images: those that cannot be used.
        headers: of the response.
    """

    def __init__(
        self,
        status: int,
        code: Code,
        message: str,
        images: tuple[BadImage, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.images = status, code, message, images
        self.headers = headers or {}

    def to_json(self) -> dict[str, Any]:
        """Return the response: `error` as the protocol has it, and what a program can act on."""
        images = {"images": [asdict(each) for each in self.images]} if self.images else {}
        return {"error": self.message, "code": str(self.code), **images}

    def body(self) -> bytes:
        """Return the response as bytes."""
        return json.dumps(self.to_json(), separators=(",", ":")).encode()


def bad_request(message: str) -> Problem:
    """Return the error of a request that is not one of the protocol."""
    return Problem(400, Code.REQUEST, message)


def too_large(message: str) -> Problem:
    """Return the error of a request that is beyond a limit."""
    return Problem(413, Code.TOO_LARGE, message)
