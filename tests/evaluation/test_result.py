"""The result of an evaluation as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edgewbc.evaluation.result import EvalResult, ReferenceComparison
from tests.evaluation.results import RESULT


def test_it_is_read_back() -> None:
    """What identifies model and images comes first; older results without probability scores are read."""
    values = json.loads(json.dumps(RESULT.to_json()))
    assert list(values)[:2] == ["protocol", "split"]
    assert (values["accuracy"], values["reference"]) == (
        0.75,
        {"accuracy": 0.99, "protocol": "published", "met": False},
    )
    assert EvalResult.from_json({**values, "more": 1}) == RESULT
    older = {key: value for key, value in values.items() if key not in ("brier", "log_loss", "calibration_error")}
    assert EvalResult.from_json(older) == replace(RESULT, brier=None, log_loss=None, calibration_error=None)
    del values["model"]
    with pytest.raises(KeyError, match="model"):
        EvalResult.from_json(values)


def test_a_reference_names_its_protocol_only_if_it_is_known() -> None:
    """`stated_under` is left out of the JSON where a result does not repeat it."""
    known = ReferenceComparison(0.99, "grouped", None, "poster")
    assert known.to_json()["stated_under"] == "poster"
    assert ReferenceComparison.from_json(known.to_json()) == known
