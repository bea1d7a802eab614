"""A headless Chromium for the tests of the review page, and a server in a thread for it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from edgewbc.cases.case import Case
from edgewbc.review import app
from edgewbc.review.cell_images import NO_MAPS, Maps
from edgewbc.utils.browser import find_browser
from edgewbc.utils.http_server import LOOPBACK, new_token

ELSEWHERE = "elsewhere.example"
"""A host name that the browser resolves to this computer, as DNS rebinding does."""


def executable() -> str:
    """Return the path of a Chromium, Chrome or Edge on this computer; empty if there is none."""
    return os.environ.get("EDGEWBC_CHROMIUM") or str(find_browser() or "")


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a browser; it ends with the block."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {ELSEWHERE} {LOOPBACK}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=arguments)
        yield browser
        browser.close()


@contextmanager
def served(folder: Path, by: str = "Ada", maps: Maps = NO_MAPS) -> Iterator[tuple[str, Case]]:
    """Serve a case in a thread of this process; yield the page's address with its token, and the case."""
    listener = socket.socket()
    listener.bind((LOOPBACK, 0))
    listener.listen(64)
    port, token = listener.getsockname()[1], new_token()
    with Case.open(folder) as case:
        application = app.create(case, token, port, by, maps)
        server = uvicorn.Server(uvicorn.Config(application, log_level="error", log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{port}/#token={token}", case
        finally:
            server.should_exit = server.force_exit = True
            thread.join(20)
            listener.close()
