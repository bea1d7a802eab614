"""Tests of edgewbc.bundle.golden_limits."""

from __future__ import annotations

from typing import Any

import pytest

from edgewbc.bundle.golden_limits import GoldenLimits
from edgewbc.errors import UserError


def test_limits_are_read_as_written() -> None:
    """Those that are not checked are not written, and keys of newer versions are ignored."""
    limits = GoldenLimits(mean_logit=0.25)
    assert limits.to_json() == {"mean_logit": 0.25}
    assert GoldenLimits.from_json({**limits.to_json(), "later": "x"}, "golden.limits") == limits
    assert GoldenLimits.from_json({}, "golden.limits") == GoldenLimits()


@pytest.mark.parametrize("value", [0, -0.1, 2.1, float("nan"), float("inf"), "0.1", True, [0.1]])
def test_limits_with_which_nothing_would_be_proved_are_refused(value: Any) -> None:
    with pytest.raises(
        UserError, match=r"golden\.limits of onnx int8: mean_features in its manifest\.json is .*at most 2$"
    ):
        GoldenLimits.from_json({"mean_features": value}, "golden.limits of onnx int8")
