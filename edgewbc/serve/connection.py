"""A connection: bounds before there is a request to judge, and responses that leave in one piece.

Bounds are the size of a request's headers, and the time that they may take.

uvicorn parses with httptools where it is installed, at half the CPU time for a request that h11 takes, but httptools
collects headers without a limit; and with neither does a connection end that sends nothing. uvicorn also hands head and
body of a response to the system one after the other: each time takes the interpreter lock from the workers, and wakes
the client.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

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


def bounded(seconds: float) -> type[asyncio.Protocol]:
    """Return uvicorn's connection with bounds and joined responses; needs uvicorn.

    Args:
        seconds: from its first byte, or from the start of the connection, in which a request's headers must be there.
    """
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    class Connection(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
        """A connection that ends where its headers are too long or too late."""

        _timer: asyncio.TimerHandle | None = None
        _head = 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(Joined(transport, self.loop))
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:  # its headers are read
                self._head = 0
                self._stop()
                return
            self._head += len(data)
            if self._head > MOST_HEAD:
                self._end(b"431 Request Header Fields Too Large")
            elif self._timer is None:
                self._wait()

        def _wait(self) -> None:
            self._timer = self.loop.call_later(seconds, self._end, b"408 Request Timeout")

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _end(self, status: bytes) -> None:
            self._stop()
            if self.transport.is_closing():
                return
            if self.cycle is None or not self.cycle.more_body:  # else this is the rest of a request that was refused
                self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()

    return Connection
