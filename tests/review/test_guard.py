"""Tests of edgewbc.review.guard: host, token, origin and the security headers."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from edgewbc.review.guard import HEADERS, Guard
from edgewbc.utils.http_server import new_token
from tests.review.conftest import ADDRESS, PORT, TOKEN

ANSWER = "the case"


async def _answer(_: Request) -> PlainTextResponse:
    return PlainTextResponse(ANSWER)


@pytest.fixture
def client() -> TestClient:
    """Return a client of a guarded application, with the right token and origin."""
    routes = [Route("/api/case", _answer), Route("/api/undo", _answer, methods=["POST"]), Route("/", _answer)]
    headers = {"Authorization": f"Bearer {TOKEN}", "Origin": ADDRESS}
    return TestClient(Guard(Starlette(routes=routes), TOKEN, PORT), base_url=ADDRESS, headers=headers)


def test_the_page_itself_is_let_in(client: TestClient) -> None:
    """With token and origin, as the page sends them."""
    assert client.get("/api/case", headers={"Sec-Fetch-Site": "same-origin"}).text == ANSWER
    assert client.post("/api/undo", headers={"Sec-Fetch-Site": "same-origin"}).text == ANSWER
    assert client.get("/").text == ANSWER


def test_tokens_are_random_and_long() -> None:
    """256 bits, and never the same twice."""
    tokens = {new_token() for _ in range(20)}
    assert len(tokens) == 20
    assert all(len(token) == 43 for token in tokens)


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", f"localhost:{PORT}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1.evil:{PORT}"],
)
@pytest.mark.parametrize("path", ["/", "/api/case"])
def test_another_host_name_gets_nothing(client: TestClient, host: str, path: str) -> None:
    """A name that resolves to this computer (DNS rebinding) is refused, with the token and for the empty page too."""
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert ANSWER not in answer.text


@pytest.mark.parametrize("hosts", [("127.0.0.1", "evil.example"), ("evil.example", "127.0.0.1")])
def test_two_host_headers_get_nothing(client: TestClient, hosts: tuple[str, str]) -> None:
    """A proxy and this server could each believe another one of them."""
    names = [f"{host}:{PORT}" if host == "127.0.0.1" else host for host in hosts]
    answer = client.get("/", headers=[("Host", name) for name in names])
    assert answer.status_code == 421


@pytest.mark.parametrize(
    "authorization", ["", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}", "Bearer \xe9"]
)
@pytest.mark.parametrize("path", ["/api/case", "/api/no"])
def test_a_wrong_token_gets_no_data(client: TestClient, authorization: str, path: str) -> None:
    """Everything of the case needs the token."""
    answer = client.get(path, headers=[(b"Authorization", authorization.encode("latin-1"))])
    assert answer.status_code == 403
    assert "edgewbc review" in answer.text


def test_a_token_in_a_cookie_or_in_the_query_is_none(client: TestClient) -> None:
    """Only the header counts: browsers send cookies and addresses along without being asked."""
    client.headers.pop("Authorization")
    client.cookies.set("token", TOKEN)
    assert client.get(f"/api/case?token={TOKEN}").status_code == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", f"http://localhost:{PORT}", "http://127.0.0.1:1", ""]
)
@pytest.mark.parametrize("path", ["/api/decide", "/api/undo", "/api/sign-off", "/api/correct"])
def test_another_origin_writes_nothing(client: TestClient, origin: str, path: str) -> None:
    """A change must come from the page itself, even with the token."""
    assert client.post(path, json={}, headers={"Origin": origin}).status_code == 403


def test_a_change_without_an_origin_is_refused(client: TestClient) -> None:
    """Browsers always send one with a POST."""
    client.headers.pop("Origin")
    assert client.post("/api/undo", json={}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_request_from_another_page_is_refused(client: TestClient, site: str) -> None:
    """Browsers say so; another port of this computer is the same site and another origin."""
    assert client.get("/api/case", headers={"Sec-Fetch-Site": site}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/api/case", "/api/no", "/no"])
def test_every_answer_has_the_headers(client: TestClient, path: str) -> None:
    """Refusals and missing pages too; data is not cached."""
    answer = client.get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    if path.startswith("/api"):
        assert answer.headers["cache-control"] == "no-store"


def test_the_policy_allows_nothing_from_elsewhere() -> None:
    """No inline script or style, no frame, no form, no other host."""
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert not any("unsafe" in value or "http" in value or "data:" in value for value in policy.values())


def test_methods_are_kept_apart(client: TestClient) -> None:
    """Nothing is changed by GET."""
    assert client.get("/api/undo", headers={"Origin": ADDRESS}).status_code == 405
