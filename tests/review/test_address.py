"""The address of the review page."""

from __future__ import annotations

import re

from edgewbc.review import address


def test_tokens_are_random_and_long() -> None:
    """256 bits in characters that need no escape in an address, another one each time; and this computer alone."""
    tokens = {address.new_token() for _ in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)
    assert address.HOST == "127.0.0.1"
