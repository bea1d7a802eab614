"""What the two servers share, the review page and `edgewbc serve`: address, token, socket, headers, and uvicorn.

Both listen on this computer alone unless a person asks for more. Web pages of any site and names that resolve to
127.0.0.1 (DNS rebinding) reach that address too: each server guards itself with what is here.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from types import ModuleType
from typing import Any, Final

from edgewbc.errors import UserError

LOOPBACK: Final = "127.0.0.1"
"""The address of this computer that no other computer reaches."""

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every response: no guessing of types, no frames, nothing for pages of other origins."""


def new_token() -> str:
    """Return a random token of 256 bits that can stand in an address."""
    return secrets.token_urlsafe(32)


def bears(authorization: str, token: str) -> bool:
    """Return whether an `Authorization` header, as latin-1, carries a token; in constant time.

    The name of the scheme, `Bearer`, may be in any case (RFC 9110, section 11.1).
    """
    scheme, _, carried = authorization.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(carried.encode("latin-1"), token.encode())


def is_loopback(host: str) -> bool:
    """Return whether an address to listen on is reached from this computer alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: address of this computer to listen on, or a name of it.
        port: 0 takes a free one.

    Raises:
        UserError: there is no such address here, or the port is in use or may not be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise UserError(f"--host {host}: is not an address of this computer: use {LOOPBACK} or 0.0.0.0") from None
    listener = socket.socket(family, kind, protocol)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows: no other program may listen on the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        where = "" if host == LOOPBACK else f" at {host}"
        raise UserError(f"port {port} cannot be used{where} ({error.strerror}): give another --port, or 0") from None
    listener.listen(128)
    return listener


def server(uvicorn: ModuleType, application: Any, **options: Any) -> Any:
    """Return a server of an ASGI application. It leaves `logging` as it is: uvicorn's own would close others' handlers.

    Args:
        uvicorn: the module, which is optional.
        application: to serve.
        options: of `uvicorn.Config`, beyond those that both servers use.
    """
    quiet: dict[str, Any] = {"log_level": "error", "log_config": None, "access_log": False}
    return uvicorn.Server(uvicorn.Config(application, **quiet, lifespan="off", server_header=False, **options))
