"""What the lab's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.bundle import Bundle
from tests.tiny import make_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A tiny bundle that no test changes."""
    return make_bundle(tmp_path_factory.mktemp("lab") / "tiny")


@pytest.fixture
def own(tmp_path: Path) -> Bundle:
    """A tiny bundle that a test may change."""
    return make_bundle(tmp_path / "tiny")
