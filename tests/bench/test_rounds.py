"""edgewbc.bench.rounds: figures measured once per round."""

from __future__ import annotations

import pytest

from edgewbc.bench.rounds import RoundRatio, round_spread, tidy


def test_spread_is_relative_to_the_median() -> None:
    """(110 - 90) / 100; a single round has no spread."""
    assert round_spread([90, 100, 110]) == pytest.approx(0.2)
    assert round_spread([100]) is None


def test_ratios_are_taken_within_a_round() -> None:
    """Both figures halve in the second round: the ratio stays two, which a ratio of the medians would miss."""
    found = RoundRatio.between([200, 100, 180], [100, 50, 100])
    assert found == RoundRatio(2.0, (1.8, 2.0), (2.0, 2.0, 1.8))
    assert found.to_json() == {"ratio": 2.0, "range": [1.8, 2.0], "rounds": [2.0, 2.0, 1.8]}
    assert RoundRatio.from_json(found.to_json()) == found


def test_tidy_keeps_five_digits() -> None:
    """Measurements have five significant digits; integers are returned unchanged."""
    assert tidy(123.456789) == 123.46
    assert tidy(1234567) == 1234567
