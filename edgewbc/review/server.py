"""Run the review page on this computer until Ctrl-C."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

from edgewbc.cases.case import Case
from edgewbc.review.cell_images import NO_MAPS, Maps
from edgewbc.utils import http_server
from edgewbc.utils.http_server import LOOPBACK, new_token
from edgewbc.utils.optional import REVIEW, need

if TYPE_CHECKING:  # needs starlette
    from edgewbc.review.guard import Guard


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

    with http_server.listen(LOOPBACK, port) as listener:
        port = listener.getsockname()[1]
        token = new_token()
        address = f"http://{LOOPBACK}:{port}/#token={token}"
        server = _server(uvicorn, app.create(case, token, port, by, maps))
        with suppress(KeyboardInterrupt):  # uvicorn ends its work first, then raises what it caught
            say(f"review page: {address}")
            say("press Ctrl-C to end; every decision is saved at once")
            if open_browser:
                _show(address)
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

    with http_server.listen(LOOPBACK, 0) as listener:
        port, token = listener.getsockname()[1], new_token()
        server = _server(uvicorn, app.create(case, token, port, by, NO_MAPS))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{port}/#token={token}"
        finally:
            server.should_exit = server.force_exit = True
            thread.join(20)


def _server(uvicorn: ModuleType, application: Guard) -> Any:
    """Return the server of the page."""
    return http_server.server(uvicorn, application, timeout_graceful_shutdown=2)


def _show(address: str) -> None:
    """Open an address in the browser; a computer without one is no error."""
    with suppress(webbrowser.Error, OSError):
        webbrowser.open(address)
