"""Tests of `edgewbc.utils.text`."""

from __future__ import annotations

from edgewbc.utils import text


def test_table_is_aligned() -> None:
    """The first column is left-aligned, the others right-aligned; no line ends with blanks."""
    assert text.table(["x", "n"], [["one", "1"], ["b", "222"]]) == "x      n\none    1\nb    222"


def test_undefined_values_are_dashes() -> None:
    """Undefined figures are shown as dashes."""
    assert text.percent(None) == "-"
    assert text.interval(None) == "-"
    assert text.figure(None) == "-"
