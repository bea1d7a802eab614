"""The address of the review page: this computer alone, and a random token."""

from __future__ import annotations

import secrets
from typing import Final

HOST: Final = "127.0.0.1"


def new_token() -> str:
    """Return a random token of 256 bits that can stand in an address."""
    return secrets.token_urlsafe(32)
