"""What tests of the report share."""

from __future__ import annotations

import pytest

from edgewbc.bench.result import BenchResult
from edgewbc.report import page
from tests.bench.conftest import Fake
from tests.report import results
from tests.report.page_reader import Reader


@pytest.fixture
def fake() -> Fake:
    """A worker that does no work."""
    return Fake()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is not watched for a second before each bench."""
    monkeypatch.setattr("edgewbc.bench.resource_use.system_load", lambda seconds=1.0: 0.0)


@pytest.fixture(scope="module")
def result() -> BenchResult:
    """Two rows and a failed one, made by hand; skips the test without the packages of the page."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    return results.by_hand()


@pytest.fixture(scope="module")
def read(result: BenchResult) -> Reader:
    """Its page, with an image of the mistake."""
    return Reader(page.html(result, [b"jpeg"]))
