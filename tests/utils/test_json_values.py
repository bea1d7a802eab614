"""Tests of `edgewbc.utils.json_values`."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from edgewbc.utils.json_values import pair, plain, take, values_of


@dataclass(frozen=True)
class Inner:
    """A pair of numbers."""

    bounds: tuple[float, float] | None


@dataclass(frozen=True)
class Outer:
    """A record with a record in it."""

    name: str
    inner: Inner
    by_name: dict[str, Inner]
    count: int = 0


OUTER = Outer("a", Inner((0.25, 0.5)), {"b": Inner(None)})


def test_values_are_those_that_json_reads_back() -> None:
    """Dataclasses are objects and tuples are lists, at every depth."""
    expected = {"name": "a", "inner": {"bounds": [0.25, 0.5]}, "by_name": {"b": {"bounds": None}}, "count": 0}
    assert values_of(OUTER) == plain(OUTER) == expected
    assert json.loads(json.dumps(values_of(OUTER))) == expected


def test_take_ignores_other_keys() -> None:
    """Keys that are not fields are ignored; a default fills in for a missing key, else it is an error."""
    assert take(Outer, {"name": "a", "inner": OUTER.inner, "by_name": OUTER.by_name, "other": 1}) == OUTER
    with pytest.raises(TypeError, match="by_name"):
        take(Outer, {"name": "a", "inner": OUTER.inner})


def test_pair() -> None:
    """A list of two numbers is a tuple; null stays None."""
    assert pair([0.25, 0.5]) == (0.25, 0.5)
    assert pair(None) is None
