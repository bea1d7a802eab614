"""Run the server until SIGTERM or Ctrl-C: accepted requests are finished first."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edgewbc.errors import UserError
from edgewbc.serve.limits import Limits
from edgewbc.utils import http_server
from edgewbc.utils.http_server import LOOPBACK, is_loopback
from edgewbc.utils.optional import SERVE, need

if TYPE_CHECKING:
    from edgewbc.serve.models import ServedModel

TOKEN_VARIABLE: Final = "EDGEWBC_SERVE_TOKEN"  # noqa: S105 - a name, not a token
SHORTEST_TOKEN: Final = 16
KEEP_ALIVE: Final = 75
"""Seconds for which an idle connection is kept: longer than what load balancers usually do."""


def token(file: Path | None, host: str) -> str | None:
    """Return the token that clients must send: from a file, or else from the environment.

    Args:
        file: that holds it; None if none was named.
        host: to listen on.

    Returns:
        None where there is none, which is allowed where only this computer reaches the server.

    Raises:
        UserError: the file cannot be read, the token is too short or cannot stand in a header, or other computers
            reach the server and there is none.
    """
    where, found = TOKEN_VARIABLE, os.environ.get(TOKEN_VARIABLE, "")
    if file is not None:
        where = str(file)
        try:
            found = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    found = found.strip()
    if not found:
        if file is not None:
            raise UserError(f"{file}: is empty: write a token of {SHORTEST_TOKEN} characters or more into it")
        if is_loopback(host):
            return None
        raise UserError(
            f"--host {host}: other computers reach this address: write a token into a file and give --token-file, or "
            f"set {TOKEN_VARIABLE}"
        )
    if len(found) < SHORTEST_TOKEN or not found.isascii() or not found.isprintable() or " " in found:
        raise UserError(f"{where}: a token has {SHORTEST_TOKEN} or more ASCII characters, without spaces")
    return found


def check() -> None:
    """Raise UserError if a library that serving needs is not installed."""
    for module in ("starlette", "uvicorn", "prometheus_client"):
        need(module, "serving", SERVE)


def run(
    models: Sequence[ServedModel],
    *,
    host: str = LOOPBACK,
    port: int = 0,
    token: str | None = None,
    limits: Limits,
    say: Callable[[str], None],
) -> None:
    """Serve models until SIGTERM or Ctrl-C; then finish the requests that were accepted, for `limits.drain` seconds.

    Args:
        models: compiled.
        host: address to listen on.
        port: 0 takes a free one.
        token: that clients must send; None where only this computer reaches the server.
        limits: of requests and queue.
        say: takes messages for a person, one line each.

    Raises:
        UserError: a library is missing, or the address cannot be used.
    """
    with _serving(models, host, port, token, limits) as (server, listener, address):
        before = signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises the signal again when it has finished
        try:
            for model in models:
                say(f"serving {model.name} at {address}/v2/models/{model.name}")
            say(f"{'a token is needed' if token else 'this computer only'}; press Ctrl-C to end")
            with suppress(KeyboardInterrupt):
                server.run(sockets=[listener])
        finally:
            signal.signal(signal.SIGTERM, before)


@contextmanager
def serving(models: Sequence[ServedModel], limits: Limits, token: str | None = None) -> Iterator[str]:
    """Serve models in a thread while the block runs; yield the address, such as `http://127.0.0.1:40123`."""
    with _serving(models, LOOPBACK, 0, token, limits) as (server, listener, address):
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join(limits.drain + 5)


@contextmanager
def _serving(
    models: Sequence[ServedModel], host: str, port: int, token: str | None, limits: Limits
) -> Iterator[tuple[Any, Any, str]]:
    """Yield a server that is not started yet, its socket, and its address."""
    check()
    uvicorn = need("uvicorn", "serving", SERVE)
    from edgewbc.serve import app, connection  # they need starlette and uvicorn

    with http_server.listen(host, port) as listener:
        service = app.Service(models, limits)
        try:
            server = http_server.server(
                uvicorn,
                app.create(service, token),
                timeout_graceful_shutdown=limits.drain,
                timeout_keep_alive=KEEP_ALIVE,
                http=connection.bounded(limits.receive),
                ws="none",
                proxy_headers=False,
            )
            name = f"[{host}]" if ":" in host else host
            yield server, listener, f"http://{name}:{listener.getsockname()[1]}"
        finally:
            service.close()
