"""Tests of edgewbc.serve.connection: what is refused before there is a request, with each parser that is installed."""

from __future__ import annotations

import asyncio
import importlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial

import httpx
import pytest

from edgewbc.serve import connection as connections
from edgewbc.serve import models, server
from edgewbc.serve.connection import MOST_HEAD, Joined
from edgewbc.serve.limits import Limits
from edgewbc.serve.models import ServedModel
from tests.serve.client import files, outputs
from tests.tiny import encode, make_bundle, make_image

PARSERS = {"h11": ("h11_impl", "H11Protocol"), "httptools": ("httptools_impl", "HttpToolsProtocol")}
SECONDS = 0.5


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> list[ServedModel]:
    """Return a tiny model."""
    from edgewbc.bundle.bundle import Bundle

    folder = tmp_path_factory.mktemp("connection") / "b"
    make_bundle(folder)
    return models.load({"m": Bundle.open(folder)}, {}, threads=1)


@pytest.fixture(params=PARSERS)
def address(
    request: pytest.FixtureRequest, served: list[ServedModel], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, int]]:
    """Return host and port of a server that gives a request's headers half a second."""
    pytest.importorskip(request.param)
    module, name = PARSERS[request.param]
    found = getattr(importlib.import_module(f"uvicorn.protocols.http.{module}"), name)
    monkeypatch.setattr("uvicorn.protocols.http.auto.AutoHTTPProtocol", found)
    with server.serving(served, Limits(receive=SECONDS)) as where:
        url = httpx.URL(where)
        yield url.host, url.port or 0


class Transport(asyncio.Transport):
    """Keeps what is done with it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.did: list[bytes | str] = []

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.did.append(data)

    def close(self) -> None:
        self.did.append("close")


def test_what_is_written_in_one_step_is_sent_together() -> None:
    """Head and body of a response are one system call, and closing loses nothing."""

    async def write() -> list[bytes | str]:
        transport = Transport()
        joined = Joined(transport, asyncio.get_running_loop())
        for part in (b"head ", b"body"):
            joined.write(part)
        assert not transport.did
        await asyncio.sleep(0)
        joined.write(b"next ")
        joined.write(b"last")
        joined.close()
        await asyncio.sleep(0)
        assert joined.get_extra_info("peername") == ("127.0.0.1", 1)
        return transport.did

    assert asyncio.run(write()) == [b"head body", b"next last", "close"]


def reply(connection: socket.socket) -> bytes:
    """Return what a server sends until it closes the connection."""
    found = b""
    connection.settimeout(20)
    try:
        while part := connection.recv(4096):
            found += part
    except (ConnectionResetError, BrokenPipeError):  # it did not read all that was sent
        pass
    return found


def problem(response: bytes) -> tuple[int, str]:
    """Return status and code of an error, which has the form of all errors."""
    head, _, body = response.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert {"content-type: application/json", f"content-length: {len(body)}", "connection: close"} <= set(lines)
    assert "x-content-type-options: nosniff" in lines
    found = json.loads(body)
    assert "\n" not in found["error"]
    return int(lines[0].split()[1]), found["code"]


@pytest.mark.parametrize("sent", [b"", b"GET /v2 HT", b"GET /v2 HTTP/1.1\r\nHost: 127.0.0.1\r\nX-"])
def test_a_connection_without_a_request_ends(address: tuple[str, int], sent: bytes) -> None:
    """One that sends nothing, or never ends its headers, does not keep its place."""
    with socket.create_connection(address) as connection:
        connection.sendall(sent)
        begun = time.monotonic()
        assert problem(reply(connection)) == (408, "timeout")
        assert time.monotonic() - begun < 15


@pytest.mark.parametrize("pause", [None, 0.1])
def test_a_body_that_does_not_come_is_ended(address: tuple[str, int], pause: float | None) -> None:
    """A client that stops sending, or sends a byte now and then, holds memory for a bounded time."""
    begun = time.monotonic()
    with socket.create_connection(address) as connection:
        connection.sendall(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{")
        with suppress(OSError):
            while pause is not None and time.monotonic() - begun < 3 * SECONDS:
                connection.sendall(b" ")
                time.sleep(pause)
        assert problem(reply(connection)) == (408, "timeout")
    assert SECONDS <= time.monotonic() - begun < 15
    with httpx.Client(base_url=f"http://{address[0]}:{address[1]}", timeout=20) as client:
        assert "edgewbc_request_bytes_in_flight 0.0" in client.get("/metrics").text


def test_a_request_sent_before_the_response_to_another_is_ended_too(address: tuple[str, int]) -> None:
    """Where its body does not come: the first one is answered."""
    body = json.dumps(files([encode(make_image(1))])).encode()
    head = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection(address) as connection:
        connection.sendall(head % len(body) + body + head % 1000 + b"{")
        found = reply(connection)
    first, _, second = found.partition(b"HTTP/1.1 408")
    assert first.startswith(b"HTTP/1.1 200")
    assert problem(b"HTTP/1.1 408" + second) == (408, "timeout")


@pytest.mark.parametrize("head", [b"GET /v2 HTTP/1.1\r\n", b"GET /"])
def test_headers_without_an_end_are_refused(address: tuple[str, int], head: bytes) -> None:
    """They are not collected for as long as a client sends them; a long address neither."""
    line = b"X-Filler: " + b"x" * 2000 + b"\r\n" if head.endswith(b"\n") else b"x" * 2000
    with socket.create_connection(address) as connection:
        connection.settimeout(20)
        sent = 0
        with pytest.raises(OSError, match=r"[Bb]roken pipe|reset|abort"):  # noqa: PT012 - until it is closed
            connection.sendall(head)
            for _ in range(5000):
                connection.sendall(line)
                sent += len(line)
                time.sleep(0.001)
        assert sent < 100 * MOST_HEAD


def test_an_idle_connection_is_kept(address: tuple[str, int]) -> None:
    """Between two requests, the time for headers does not run; other connections are not harmed."""
    body = json.dumps(files([encode(make_image(1))]))
    with (
        socket.create_connection(address),
        httpx.Client(base_url=f"http://{address[0]}:{address[1]}", timeout=20) as client,
    ):
        for _ in range(2):
            assert len(outputs(client.post("/v2/models/m/infer", content=body))["label"]) == 1
            time.sleep(1.5 * SECONDS)
        assert len(client._transport._pool.connections) == 1  # type: ignore[attr-defined]  # the same one


def test_large_bodies_and_refusals_are_no_headers(address: tuple[str, int]) -> None:
    """A body of more bytes than headers may have is received, also where its request is refused before it came."""
    with httpx.Client(base_url=f"http://{address[0]}:{address[1]}", timeout=20) as client:
        content = json.dumps(files([encode(make_image(1))] * 200, id="x" * 2 * MOST_HEAD))
        assert len(outputs(client.post("/v2/models/m/infer", content=content))["label"]) == 200
        assert client.post("/v2/models/none/infer", content=content[:1000]).status_code == 404
        assert client.get("/v2").status_code == 200


def test_a_refused_request_gets_one_response(address: tuple[str, int]) -> None:
    """The rest of its body is not taken for another request."""
    head = b"POST /v2/models/none/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10000000\r\n\r\n"
    with socket.create_connection(address) as connection:
        connection.settimeout(20)
        connection.sendall(head)
        found = connection.recv(4096)
        assert found.startswith(b"HTTP/1.1 404 ")
        for _ in range(3):
            with suppress(OSError):  # the server may have closed the connection
                connection.sendall(b"x" * MOST_HEAD)
        found += reply(connection)
    assert found.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # how TLS begins
        b"hello\r\n\r\n",
        b"POST /v2/models/m/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n",
    ],
)
def test_what_is_no_http_is_an_error_like_others(address: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(sent)
        assert problem(reply(connection)) == (400, "bad_request")


def test_too_many_connections_are_told_so(
    served: list[ServedModel], monkeypatch: pytest.MonkeyPatch, address: tuple[str, int]
) -> None:
    """A request on one too many is refused; the others are not harmed, and a place that is left is taken."""
    monkeypatch.setattr(connections, "bounded", partial(connections.bounded, most=2))
    with server.serving(served, Limits()) as where, ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(base_url=where, timeout=20)) for _ in range(3)]
        assert [client.get("/v2").status_code for client in clients] == [200, 200, 503]
        refused = clients[2].get("/v2")
        assert (refused.json()["code"], refused.headers["retry-after"]) == ("busy", "1")
        assert clients[0].get("/v2").status_code == 200
        clients[0].close()
        assert within(10.0, lambda: clients[2].get("/v2").status_code == 200)


def within(seconds: float, what: Callable[[], bool]) -> bool:
    """Return whether something is so before some seconds are over."""
    end = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.02)
    return found
