"""edgewbc.bench.summary: from rounds to figures."""

from __future__ import annotations

import pytest

from edgewbc.bench.summary import app, ran, ratios, roof, spread


def test_spread_is_of_the_median() -> None:
    """(110 - 90) / 100; of one round nothing is known."""
    assert spread([90, 100, 110]) == pytest.approx(0.2)
    assert spread([100]) is None


def test_ratios_are_taken_within_a_round() -> None:
    """Both halve in the second round: the ratio stays two, where that of the best to the median would not."""
    assert ratios([200, 100, 180], [100, 50, 100]) == {"ratio": 2.0, "range": [1.8, 2.0], "rounds": [2.0, 2.0, 1.8]}


def test_precision_is_read_from_the_kernels() -> None:
    """The precision of most kernels counts; a runtime that tells nothing is not guessed at."""
    assert ran({"u8": 12, "f32": 2}) == "int8"
    assert ran({"f32": 14}) == "f32"
    assert ran({"bf16": 13, "f32": 1}) == "bf16"
    assert ran(None) is None
    assert ran({}) is None


def test_benchmark_app_beside_ours() -> None:
    """Three per cent below it is near, more is not; another number of streams is not alike; a failure says why."""
    row = {"rounds": {"images_per_s": [97.0, 97.0]}, "threads": 2, "streams": 2}
    turn = {"images_per_s": 100.0, "threads": 2, "streams": 2, "requests": 2}
    found = app([turn, turn], row)
    assert (found["ratio"], found["near"], found["alike"]) == (0.97, True, True)
    assert not app([turn | {"images_per_s": 101.0}] * 2, row)["near"]
    assert not app([turn | {"streams": 1}] * 2, row)["alike"]
    assert app([turn, {"error": "no"}], row) == {"error": "no"}


def test_a_peak_that_failed_says_why() -> None:
    """One refusal is enough."""
    assert roof([{"error": "ran in f32"}]) == {"error": "ran in f32"}
