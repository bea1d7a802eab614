"""What tests of the report share."""

from __future__ import annotations

import pytest

from tests.bench.conftest import Fake


@pytest.fixture
def fake() -> Fake:
    """A worker that does no work."""
    return Fake()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is not watched for a second before each bench."""
    monkeypatch.setattr("edgewbc.bench.resource_use.system_load", lambda seconds=1.0: 0.0)
