"""Tests of `edgewbc.utils.text`."""

from __future__ import annotations

import pytest

from edgewbc.utils import text


def test_table_is_aligned() -> None:
    """The first column is left-aligned, the others right-aligned; no line ends with blanks."""
    assert text.table(["x", "n"], [["one", "1"], ["b", "222"]]) == "x      n\none    1\nb    222"


NAMES = {
    "a\nb.png": r"a\nb.png",
    "\x1b[31mred.png": r"\x1b[31mred.png",
    "u\u202egnp.exe": r"u\u202egnp.exe",  # what follows would be shown from right to left
    "f\udcff.png": r"f\udcff.png",  # a byte that is not Unicode
    "Zelle \u00df \u5355.png": "Zelle \u00df \u5355.png",
}


@pytest.mark.parametrize(("name", "shown"), NAMES.items())
def test_names_stay_on_one_line(name: str, shown: str) -> None:
    """Line ends, codes of a terminal, turned writing and bytes that are no text, in tables and pages too."""
    assert text.printable(name) == shown
    assert text.table(["name", "n"], [[name, "1"]]).splitlines()[1] == f"{shown}  1"
    assert text.markdown(["name"], [[name]], []).splitlines()[2] == f"| {shown} |"
    assert text.markup(f"<{name}>") == f"&lt;{shown}&gt;"


def test_a_bar_in_a_name_is_no_column() -> None:
    assert text.markdown(["name"], [["d|e"]], []).splitlines()[2] == r"| d\|e |"


def test_undefined_values_are_dashes() -> None:
    """Undefined figures are shown as dashes."""
    assert text.percent(None) == "-"
    assert text.interval(None) == "-"
    assert text.figure(None) == "-"


def test_a_number_has_its_noun() -> None:
    assert [text.count(n, "cell") for n in (0, 1, 2)] == ["0 cells", "1 cell", "2 cells"]
    assert [text.count(n, "cell is", "cells are") for n in (1, 2)] == ["1 cell is", "2 cells are"]


def test_columns_of_east_asian_names_are_aligned() -> None:
    """A Chinese character takes two columns of a terminal, and a combining accent none."""
    assert text.columns("\u5355\u6838") == 4
    assert text.columns("Gro\u00df") == text.columns("Gros\u0301") == 4
    assert text.table(["x", "n"], [["\u5355\u6838", "1"], ["b", "2"]]) == "x     n\n\u5355\u6838  1\nb     2"


@pytest.mark.parametrize("field", ["=1+1", "+1", "-2", "@SUM(1)", "\tx", "\rx", "\n=1", "＝1", "'a"])  # noqa: RUF001
def test_no_field_is_a_formula(field: str) -> None:
    """An apostrophe in front, also of one that begins with it, so that removing one gives the field back."""
    assert text.no_formula(field) == f"'{field}"
    assert text.no_formula(field).removeprefix("'") == field
    assert text.no_formula("a=1") == "a=1"
