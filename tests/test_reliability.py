"""The committed campaign is as large as docs/reliability.md says, and found nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import crash

RESULTS = Path(__file__).resolve().parents[1] / "bench" / "results"


@pytest.fixture(scope="module")
def campaign() -> dict[str, Any]:
    """`python -m tests.crash --out bench/results/reliability.json`."""
    found: dict[str, Any] = json.loads((RESULTS / "reliability.json").read_text(encoding="utf-8"))
    return found


def test_the_committed_campaign_is_complete(campaign: dict[str, Any]) -> None:
    """At least 300 kills, 200 interrupts, 300 fresh processes and 100,000 images; no hang and no broken promise."""
    assert sum(campaign[part]["kills"] for part in ("classify", "watch", "training")) >= 300
    assert campaign["interrupts"]["interrupts"] >= 200
    assert campaign["fresh"]["runs"] >= 300
    assert campaign["images"]["images"] >= 100_000
    assert [campaign[part]["broken"] for part in crash.PARTS] == [[]] * len(crash.PARTS)
    assert sum(campaign[part]["hangs"] for part in crash.PARTS) == 0


def test_the_committed_fuzzing_is_complete() -> None:
    """At least 100,000 images and 20,000 bundles without a crash, a hang or an unexpected exception."""
    found = json.loads((RESULTS / "fuzz.json").read_text(encoding="utf-8"))
    assert found["images"]["cases"] >= 100_000
    assert found["bundles"]["cases"] >= 20_000
    for kind in ("images", "bundles"):
        assert found[kind]["crashes"] == found[kind]["hangs"] == found[kind]["escaped"] == []
