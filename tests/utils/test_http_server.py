"""What both servers share: tokens, addresses and sockets."""

from __future__ import annotations

import re

import pytest

from edgewbc.errors import UserError
from edgewbc.utils import http_server


def test_tokens_are_random_and_long() -> None:
    """256 bits in characters that need no escape in an address, another one each time."""
    tokens = {http_server.new_token() for _ in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)


@pytest.mark.parametrize(
    ("header", "carries"),
    [
        ("Bearer abc", True),
        ("bearer abc", True),
        ("Basic abc", False),
        ("Bearer  abc", False),
        ("Bearer", False),
        ("abc", False),
        ("Bearer abcd", False),
        ("", False),
        ("\xff", False),
    ],
)
def test_a_token_is_compared_as_a_whole(header: str, carries: bool) -> None:
    """Any header that a client may send is compared, not only ASCII."""
    assert http_server.bears(header, "abc") == carries


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("pc7", False)],  # noqa: S104
)
def test_addresses_of_this_computer_alone(host: str, alone: bool) -> None:
    """A name other than localhost may lead anywhere."""
    assert http_server.is_loopback(host) == alone


def test_a_port_that_is_in_use_is_one_line() -> None:
    """It says what to give instead; so does an address that this computer does not have."""
    with http_server.listen(http_server.LOOPBACK, 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UserError, match=rf"^port {port} cannot be used \(.*\): give another --port, or 0$"):
            http_server.listen(http_server.LOOPBACK, port)
    with pytest.raises(UserError, match="--host no-such-name.invalid: is not an address of this computer"):
        http_server.listen("no-such-name.invalid", 0)
