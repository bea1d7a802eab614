"""The server of the review page, in a thread."""

from __future__ import annotations

import logging
import urllib.error
import urllib.request

import pytest

from edgewbc.cases.case import Case
from edgewbc.review import server

pytest.importorskip("uvicorn")


class Handler(logging.NullHandler):
    """Notes that it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True
        super().close()


def test_the_page_is_served_and_logging_stays_as_it_is(case: Case) -> None:
    """A configuration of `logging`, such as uvicorn's own, would close the handlers of others."""
    handler = Handler()
    with server.serving(case) as address:
        page = address.split("#")[0]
        with urllib.request.urlopen(page, timeout=20) as response:  # noqa: S310 - this computer
            assert b"<html" in response.read()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(page, timeout=5)  # noqa: S310 - this computer
    assert not handler.closed
