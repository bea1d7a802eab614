"""edgewbc.bench.gates: conditions on rows."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.bench.gates import METRICS, parse
from edgewbc.errors import GateError, UserError
from tests.bench.rows import result, row_json

SPEEDUP: dict[str, Any] = {"speedup": 98.7, "speedup_range": [90.0, 99.0]}


def scored(precision: str = "int8", accuracy: float = 0.9946, **more: Any) -> dict[str, Any]:
    """The JSON of a row with known figures."""
    row = row_json(precision, accuracy=accuracy, interval=[0.979, 0.998], **(SPEEDUP | more))
    row["rounds"]["speedup"] = [90.0, row["speedup"], 99.0]
    row["latency_ms"] |= {"p50": 0.8, "p90": 0.9, "p95": 1.0, "p99": 2.0}
    return row


ROW = scored(benchmark_app={"error": "not installed"})
SLOW = scored("f32", 0.97, speedup=1.0)
FAILED = {"model": "wbc", "backend": "torch", "precision": "f32", "input": [16, 16], "error": "out of memory"}


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("accuracy>=0.99", True),
        ("accuracy >= 99%", True),
        ("accuracy_low>=0.98", False),
        ("accuracy_low>0.978", True),
        ("speedup>=100", False),
        ("speedup_low>=90", True),
        ("latency_p95<=1", True),
        ("latency_p95<1", False),
        ("size_mb==2.4", True),
        ("openvino/int8:accuracy>=0.99", True),
        ("*:accuracy>=0.99", False),
        ("wbc/*/f32:speedup<=1.0", True),
        ("F32:speedup<=1.0", None),
        ("torch:accuracy>=0", None),
    ],
)
def test_conditions(text: str, met: bool | None) -> None:
    """Without a pattern the delivered row must meet it, otherwise all rows that match; no match is an error."""
    rows = result(ROW, SLOW)
    condition = parse(text)
    if met:
        assert condition.check(rows)
    else:
        with pytest.raises(UserError if met is None else GateError):
            condition.check(rows)


def test_message_names_row_figure_and_bound() -> None:
    """One line has the row, the figure, the bound, and the protocol of an accuracy."""
    with pytest.raises(GateError) as caught:
        parse("openvino/f32:accuracy>=99%").check(result(ROW, SLOW, data={"protocol": "published"}))
    expected = "wbc/openvino/f32: accuracy 97 %, required >= 99 % (protocol published)"
    assert str(caught.value) == expected
    with pytest.raises(GateError, match=r"^wbc/openvino/int8: speedup 98\.7, required >= 100$"):
        parse("speedup>=100").check(result(ROW))
    assert parse("speedup>90").check(result(ROW)) == ["wbc/openvino/int8: speedup 98.7, met > 90"]


def test_figure_is_displayed_differently_from_the_bound() -> None:
    """0.9899999 is not displayed as 99 %."""
    with pytest.raises(GateError, match=r"accuracy 98\.99999 %, required >= 99 %"):
        parse("accuracy>=0.99").check(result(scored(accuracy=0.9899999)))


def test_missing_figures_do_not_meet_a_condition() -> None:
    """The error of a failed row has its reason; a figure that was not measured does not pass."""
    with pytest.raises(GateError, match="out of memory"):
        parse("torch:accuracy>=0.5").check(result(ROW, FAILED))
    for text in ("mcnemar_p>=0.05", "benchmark_app>=0.97", "parity<=1"):
        with pytest.raises(GateError, match="was not measured"):
            parse(text).check(result(ROW))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("accuracy", "write it as accuracy>=0.99"),
        ("accuracy=>0.9", "write it as"),
        ("speed>=2", "'speed' is not measured; the metrics are: accuracy, "),
        ("accuracy>=high", "'high' is not a number"),
        ("accuracy>=99", "write 0.99 or 99%"),
        ("speedup>=nan", "finite"),
    ],
)
def test_invalid_conditions_are_explained(text: str, says: str) -> None:
    """The error says what is wrong, or what a condition looks like."""
    with pytest.raises(UserError, match=says):
        parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_an_error(text: str) -> None:
    """Only UserError is raised."""
    with suppress(UserError):
        assert parse(text).metric in METRICS
