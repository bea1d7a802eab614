"""Who may talk to the review page: this computer's browser, under one address, with the token of this start.

The server listens on 127.0.0.1 alone, but other programs and web pages reach that address too. Therefore

- the `Host` header must be the address itself, so that a foreign name that resolves to 127.0.0.1 (DNS rebinding) gets
  nothing, not even the empty page;
- every request for the case carries a random token in its `Authorization` header. There is no cookie: a browser sends
  cookies along with requests that another page makes, and to every port of a host;
- a request that writes must come from the page itself (`Origin`, `Sec-Fetch-Site`);
- the page may load nothing from elsewhere, run no inline script and be in no frame (Content-Security-Policy).
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgewbc.utils import http_server
from edgewbc.utils.http_server import LOOPBACK, bears

API: Final = "/api/"
"""Paths below this need the token; the others are the page's own files, which are the same for every case."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    **http_server.HEADERS,
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

_SAFE_METHODS = ("GET", "HEAD")


class Guard:
    """ASGI middleware that refuses requests from elsewhere, and adds the security headers to every response."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        """Guard an app.

        Args:
            app: to guard.
            token: that requests for the case must carry.
            port: on which the server listens.
        """
        self.app = app
        self._token = token
        self._host = f"{LOOPBACK}:{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no WebSockets here
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self.app)(scope, receive, secured)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        """Return the response to a request that is not allowed; None if it is."""
        headers = Headers(scope=scope)
        if headers.getlist("host") != [self._host]:
            return PlainTextResponse(f"this server responds only at the address http://{self._host}/\n", 421)
        if not scope["path"].startswith(API):
            return None
        if not bears(headers.get("authorization", ""), self._token):
            return PlainTextResponse("wrong token: open the address that `edgewbc review` printed\n", 403)
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return PlainTextResponse("requests from other pages are refused\n", 403)
        if scope["method"] not in _SAFE_METHODS and headers.getlist("origin") != [f"http://{self._host}"]:
            return PlainTextResponse("changes from other pages are refused\n", 403)
        return None
