"""An open case behind the application, without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from edgewbc.cases.case import Case
from edgewbc.review import app
from tests.review.cases import make_case

TOKEN = "t" * 43
PORT = 8123
ADDRESS = f"http://127.0.0.1:{PORT}"
OPEN = (2, 4, 6, 8, 10, 12)
"""Open cells of the case of `folder`."""


class Tab:
    """What one tab of the page sends: it knows the revision of its last answer."""

    def __init__(self, client: TestClient, name: str = "tab-1", who: str = "Ada") -> None:
        self.client, self.name, self.who = client, name, who
        whole = client.get("/api/case").json()
        self.server, self.revision, self.columns = whole["server"], whole["revision"], whole["columns"]
        self.head: dict[str, Any] = whole["head"]
        self.cells = {row[0]: self._cell(row) for row in whole["cells"]}

    def _cell(self, row: list[Any]) -> dict[str, Any]:
        return dict(zip(self.columns, row, strict=True))

    def post(self, what: str, **values: Any) -> Any:
        """Send a change; take over what comes back."""
        base = {"who": self.who, "tab": self.name, "server": self.server, "revision": self.revision}
        answer = self.client.post(f"/api/{what}", json={**base, **values})
        if answer.status_code == 200:
            self.take(answer.json())
        return answer

    def poll(self) -> dict[str, Any]:
        """Ask for changes."""
        found = self.client.get("/api/changes", params={"since": self.revision, "server": self.server}).json()
        self.take(found)
        return dict(found)

    def take(self, found: dict[str, Any]) -> None:
        """Take over changes."""
        self.revision = found["revision"]
        self.head = found.get("head", self.head)
        self.cells |= {row[0]: self._cell(row) for row in found["cells"]}

    def decide(self, label: str, *numbers: int) -> Any:
        """Decide a label as a key does."""
        return self.post("decide", label=label, cells=[[number, self.cells[number]["rev"]] for number in numbers])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a case of 12 cells, of which 6 are open: 2, 4, 6, 8, 10 and 12."""
    return make_case(tmp_path / "case")


@pytest.fixture
def case(folder: Path) -> Iterator[Case]:
    """Return that case, open for decisions."""
    with Case.open(folder) as opened:
        yield opened


@pytest.fixture
def client(case: Case) -> TestClient:
    """Return a client that is allowed to do everything."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Origin": ADDRESS}
    return TestClient(app.create(case, TOKEN, PORT), base_url=ADDRESS, headers=headers)


@pytest.fixture
def tab(client: TestClient) -> Tab:
    """Return a tab that has loaded the case."""
    return Tab(client)


@pytest.fixture
def another(client: TestClient) -> Callable[[], Tab]:
    """Return a function that opens a second tab of another person."""
    return lambda: Tab(client, "tab-2", "Bob")


def sign(tab: Tab, **seen: object) -> int:
    """Sign the case; return the status of the answer."""
    return int(tab.post("sign-off", seen={"shown": 12, "filter": "all", "screen": "1280x720", **seen}).status_code)
