"""Tests of edgewbc.serve.guard: token, host and browsers."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from edgewbc.serve.guard import OPEN, Guard
from edgewbc.utils.http_server import HEADERS

TOKEN = "a-token-of-a-test"  # noqa: S105 - of this test


def client(token: str | None, host: str = "127.0.0.1:8000") -> TestClient:
    """Return a client of a guarded application."""

    async def answer(_: Request) -> PlainTextResponse:
        return PlainTextResponse("let in")

    return TestClient(Guard(Starlette(routes=[Route("/{path:path}", answer)]), token), base_url=f"http://{host}")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "127.0.0.2", "localhost:1", "[::1]:8000", "[::1]"])
def test_this_computer_is_let_in(host: str) -> None:
    """Under any of its own addresses, without a token."""
    assert client(None).get("/v2", headers={"Host": host}).text == "let in"


@pytest.mark.parametrize("host", ["evil.example:8000", "localhost.evil.example", "10.0.0.7:8000", "", "[::2]:8000"])
def test_another_host_name_gets_nothing(host: str) -> None:
    """A name that resolves to this computer (DNS rebinding)."""
    assert client(None).get("/v2", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
)
def test_web_pages_are_refused(headers: dict[str, str]) -> None:
    """There are no pages here, so no page has business here; a person may type the address."""
    assert client(None).post("/v2/models/m/infer", headers=headers).status_code == 403
    assert client(None).get("/v2", headers={"Sec-Fetch-Site": "none"}).text == "let in"


@pytest.mark.parametrize("authorization", ["", "Bearer ", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}", "Bearer \xe9"])
@pytest.mark.parametrize("path", ["/v2", "/metrics", "/v2/models/m/infer", "/v2/health/live/x", "/no"])
def test_a_wrong_token_gets_nothing(authorization: str, path: str) -> None:
    """Everything but the two probes needs it; the refusal says how to send it."""
    answer = client(TOKEN).get(path, headers=[(b"Authorization", authorization.encode("latin-1"))])
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["code"] == "unauthorized"


def test_the_right_token_is_let_in() -> None:
    """At any host name, for clients elsewhere; the probes need none."""
    assert client(TOKEN, "wbc.example").get("/v2", headers={"Authorization": f"Bearer {TOKEN}"}).text == "let in"
    for path in OPEN:
        assert client(TOKEN, "wbc.example").get(path).text == "let in"


def test_every_answer_has_the_headers() -> None:
    """Refusals too."""
    for answer in (client(None).get("/v2"), client(TOKEN).get("/v2")):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert answer.headers["cache-control"] == "no-store"
