"""Who may talk to the server.

With a token, every request carries it (`Authorization: Bearer TOKEN`), except the two that tell whether the server is
alive and ready. Without one the server listens to this computer alone, and refuses what a web page in a browser on it
could send: a foreign host name (DNS rebinding), and any request that a browser marks as a page's.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgewbc.serve.problems import Code, Problem
from edgewbc.utils import http_server
from edgewbc.utils.http_server import bears, is_loopback

OPEN: Final = ("/v2/health/live", "/v2/health/ready")
"""Addresses that need no token: a probe has none."""
HEADERS: Final = tuple(
    (name.lower().encode(), text.encode())
    for name, text in {**http_server.HEADERS, "Cache-Control": "no-store"}.items()
)
"""Of every response: names in lower case, and values."""


class Guard:
    """ASGI middleware that refuses requests from elsewhere, and adds the security headers to every response."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        """Guard an app.

        Args:
            app: to guard.
            token: that requests must carry; None where only this computer reaches the server.
        """
        self.app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        if scope["type"] != "http":  # there are no WebSockets here, and nothing to start
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        problem = self._problem(scope)
        if problem is None:
            await self.app(scope, receive, secured)
        else:
            await JSONResponse(problem.to_json(), problem.status, problem.headers)(scope, receive, secured)

    def _problem(self, scope: Scope) -> Problem | None:
        """Return why a request is not allowed; None if it is."""
        headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))  # the first one of a name
        if self._token is not None:
            if scope["path"] in OPEN or bears(headers.get(b"authorization", b"").decode("latin-1"), self._token):
                return None
            message = "wrong token, or none: send it as `Authorization: Bearer TOKEN`"
            return Problem(401, Code.TOKEN, message, headers={"WWW-Authenticate": "Bearer"})
        hosts = [name for name, _ in scope["headers"]].count(b"host")
        if hosts != 1 or not _is_own(headers[b"host"]):
            message = "without a token, this server responds only at this computer's own address"
            return Problem(421, Code.FOREIGN, message)
        if b"origin" in headers or headers.get(b"sec-fetch-site", b"none") != b"none":
            return Problem(403, Code.FOREIGN, "requests of web pages are refused: start the server with a token")
        return None


@lru_cache(64)  # of all requests, most have the same
def _is_own(host: bytes) -> bool:
    """Return whether a `Host` header names this computer's own address."""
    return is_loopback(_name(host.decode("latin-1")))


def _name(host: str) -> str:
    """Return a host without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
