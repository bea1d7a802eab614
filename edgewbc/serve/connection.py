"""A connection: bounds before there is a whole request to judge, and responses that leave in one piece.

Bounds are the number of connections, the size of a request's headers, and the time that a request may take to come.
What is refused here gets an error of the same form as anywhere else.

uvicorn parses with httptools where it is installed, at half the CPU time for a request that h11 takes, but httptools
collects headers without a limit; and with neither does a connection end that sends nothing. uvicorn also hands head and
body of a response to the system one after the other: each time takes the interpreter lock from the workers, and wakes
the client.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from edgewbc.serve.guard import HEADERS
from edgewbc.serve.problems import Code, Problem, bad_request
from edgewbc.serve.timers import TimedLoop, Timer

CONNECTIONS: Final = 1000
"""Connections at the same time; requests on others are refused."""
MOST_HEAD: Final = 16 << 10
"""Bytes of a request's line and headers."""


class Joined:
    """A transport that sends together what is written within one step of the event loop, head and body of a response.

    Everything but writing and closing is the transport's own.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Write to a transport of the loop."""
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send bytes before the event loop's next step."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Send what was written, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts = []


_NO_HTTP: Final = bad_request("the request is not HTTP")
_LONG_HEAD: Final = Problem(431, Code.TOO_LARGE, f"the headers of a request have {MOST_HEAD:,} bytes at most")


def bounded(seconds: float, most: int = CONNECTIONS) -> type[asyncio.Protocol]:
    """Return uvicorn's connection with bounds and joined responses; needs uvicorn.

    Args:
        seconds: from its first byte, or from the start of the connection, in which a request must be there.
        most: connections at the same time.
    """
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    class Connection(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
        """A connection that ends where a request is too late, its headers too long, or where there are too many."""

        loop: Any
        _timed: TimedLoop | None = None
        _timer: Timer | None = None
        _head = 0

        def connection_made(self, transport: Any) -> None:
            joined = Joined(transport, self.loop)
            if Connection._timed is None:
                Connection._timed = TimedLoop(self.loop)
            self.loop = Connection._timed
            super().connection_made(joined)
            if len(self.connections) > most:
                self.app = _crowded
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:  # its headers are read
                self._head = 0
                if not self.cycle.more_body:
                    self._stop()
                    return
            else:
                self._head += len(data)
                if self._head > MOST_HEAD:
                    self._end(_LONG_HEAD)
                    return
            if self._timer is None:
                self._wait()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            begun = not self.cycle.response_complete  # by h11, with what the client had sent before
            if begun and self.cycle.more_body and self._timer is None:
                self._wait()

        def send_400_response(self, msg: str) -> None:
            self._end(_NO_HTTP)

        def _wait(self) -> None:
            self._timer = self.loop.call_later(seconds, self._late)

        def _late(self) -> None:
            self._timer = None
            if getattr(self, "pipeline", None):  # the client sent it before it had the response to the one before
                self._wait()
            else:
                self._end(Problem(408, Code.TIMEOUT, f"the request did not come within {seconds:g} s"))

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _end(self, problem: Problem) -> None:
            self._stop()
            if self.transport.is_closing():
                return
            refused = self.cycle is not None and self.cycle.response_complete and self.cycle.more_body
            if not refused:  # else these are the rest of its bytes
                self.transport.write(_response(problem))
            self.transport.close()

    return Connection


def _head(problem: Problem, body: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response that ends its connection."""
    own = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
    return [*((name.encode(), text.encode()) for name, text in (own | problem.headers).items()), *HEADERS]


def _response(problem: Problem) -> bytes:
    """Return a response, head and body."""
    body, status = problem.body(), HTTPStatus(problem.status)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode(), *(b": ".join(pair) for pair in _head(problem, body))]
    return b"\r\n".join([*lines, b"", body])


async def _crowded(_: Scope, __: Receive, send: Send) -> None:
    """Refuse a request on a connection that is one too many."""
    message = "too many connections are open: send the request again in 1 s"
    problem = Problem(503, Code.BUSY, message, headers={"retry-after": "1"})
    body = problem.body()
    await send({"type": "http.response.start", "status": problem.status, "headers": _head(problem, body)})
    await send({"type": "http.response.body", "body": body})
