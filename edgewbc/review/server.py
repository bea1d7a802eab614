"""Run the review page on this computer until Ctrl-C."""

from __future__ import annotations

import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from edgewbc.errors import UserError
from edgewbc.lab.case import Case
from edgewbc.review.address import HOST, new_token
from edgewbc.review.cell_images import NO_MAPS, Maps
from edgewbc.utils.optional import REVIEW, need


def run(
    case: Case,
    *,
    by: str = "",
    port: int = 0,
    maps: Maps = NO_MAPS,
    open_browser: bool = True,
    say: Callable[[str], None],
) -> None:
    """Serve the page of a case until Ctrl-C.

    Args:
        case: open for decisions.
        by: name of the person; empty asks in the page.
        port: to listen on; 0 takes a free one.
        maps: class activation maps, if there are any.
        open_browser: show the page in the browser of this computer.
        say: takes messages for a person, one line each.

    Raises:
        UserError: starlette or uvicorn is not installed, or the port is in use.
    """
    need("starlette", "the review page", REVIEW)
    uvicorn = need("uvicorn", "the review page", REVIEW)
    from edgewbc.review import app  # needs starlette

    with _listen(port) as listener:
        port = listener.getsockname()[1]
        token = new_token()
        address = f"http://{HOST}:{port}/#token={token}"
        server = _server(uvicorn, app.create(case, token, port, by, maps))
        say(f"review page: {address}")
        say("press Ctrl-C to end; every decision is saved at once")
        if open_browser:
            _show(address)
        with suppress(KeyboardInterrupt):  # uvicorn ends its work first, then raises what it caught
            server.run(sockets=[listener])


@contextmanager
def serving(case: Case, *, by: str = "") -> Iterator[str]:
    """Serve the page of a case in a thread while the block runs; yield its address, with the token.

    Raises:
        UserError: starlette or uvicorn is not installed.
    """
    need("starlette", "the review page", REVIEW)
    uvicorn = need("uvicorn", "the review page", REVIEW)
    from edgewbc.review import app  # needs starlette

    with _listen(0) as listener:
        port, token = listener.getsockname()[1], new_token()
        server = _server(uvicorn, app.create(case, token, port, by, NO_MAPS))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{port}/#token={token}"
        finally:
            server.should_exit = server.force_exit = True
            thread.join(20)


def _server(uvicorn: Any, application: Any) -> Any:
    """Return a server of an application. It leaves `logging` as it is: a configuration would close others' handlers."""
    return uvicorn.Server(
        uvicorn.Config(
            application,
            log_level="error",
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )


def _listen(port: int) -> socket.socket:
    """Return a socket that listens on this computer alone.

    Raises:
        UserError: the port is in use, or may not be used.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows: no other program may listen on the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise UserError(f"port {port} cannot be used ({error.strerror}): give another --port, or 0") from None
    listener.listen(128)
    return listener


def _show(address: str) -> None:
    """Open an address in the browser; a computer without one is no error."""
    with suppress(webbrowser.Error, OSError):
        webbrowser.open(address)
