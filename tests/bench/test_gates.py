"""edgewbc.bench.gates: conditions on rows."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.bench.gates import METRICS, parse
from edgewbc.errors import GateError, UserError

ROW: dict[str, Any] = {
    "model": "wbc", "backend": "openvino", "precision": "int8", "delivered": True, "accuracy": 0.9946,
    "interval": [0.979, 0.998], "speedup": 98.7, "speedup_range": [90.0, 99.0],
    "latency_ms": {"p50": 0.8, "p90": 0.9, "p95": 1.0, "p99": 2.0, "n": 9}, "size_mb": 2.4, "agreement": 0.99,
    "mcnemar": None, "benchmark_app": {"error": "none"},
}  # fmt: skip
SLOW = ROW | {"precision": "f32", "delivered": False, "speedup": 1.0, "accuracy": 0.97}
FAILED = {"model": "wbc", "backend": "torch", "precision": "f32", "error": "out of memory"}


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
    """Without a row it is the one that is delivered; with one, all that match must meet it; none is a mistake."""
    rows = [ROW, SLOW]
    condition = parse(text)
    if met:
        assert condition.check(rows)
    else:
        with pytest.raises(UserError if met is None else GateError):
            condition.check(rows)


def test_message_names_row_figure_and_bound() -> None:
    """One line says what was found where, and what was required, under which protocol."""
    with pytest.raises(GateError) as caught:
        parse("openvino/f32:accuracy>=99%").check([ROW, SLOW], "published")
    expected = "wbc/openvino/f32: accuracy 97 %, required >= 99 % (protocol published)"
    assert str(caught.value) == expected
    with pytest.raises(GateError, match=r"^wbc/openvino/int8: speedup 98\.7, required >= 100$"):
        parse("speedup>=100").check([ROW])
    assert parse("speedup>90").check([ROW]) == ["wbc/openvino/int8: speedup 98.7, met > 90"]


def test_a_figure_does_not_read_as_the_bound_that_it_misses() -> None:
    """0.9899999 is not shown as 99 %."""
    with pytest.raises(GateError, match=r"accuracy 98\.99999 %, required >= 99 %"):
        parse("accuracy>=0.99").check([ROW | {"accuracy": 0.9899999}])


def test_what_was_not_measured_is_not_met() -> None:
    """A failed row says why; a figure that is missing does not pass."""
    with pytest.raises(GateError, match="out of memory"):
        parse("torch:accuracy>=0.5").check([ROW, FAILED])
    for text in ("mcnemar_p>=0.05", "benchmark_app>=0.97", "parity<=1"):
        with pytest.raises(GateError, match="was not measured"):
            parse(text).check([ROW])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("accuracy", "write it as accuracy>=0.99"),
        ("accuracy=>0.9", "write it as"),
        ("speed>=2", "'speed' is not measured; there are: accuracy, "),
        ("accuracy>=high", "'high' is not a number"),
        ("accuracy>=99", "write 0.99 or 99%"),
        ("speedup>=nan", "finite"),
    ],
)
def test_mistakes_are_explained(text: str, says: str) -> None:
    """A condition that is none says what one looks like."""
    with pytest.raises(UserError, match=says):
        parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_a_mistake(text: str) -> None:
    """Nothing else is raised."""
    with suppress(UserError):
        assert parse(text).metric in METRICS
