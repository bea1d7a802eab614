"""Figures and tables as plain text and Markdown."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Sequence

TIME = "%Y-%m-%dT%H:%M:%SZ"
"""Format of times, always UTC."""


def utc_now() -> str:
    """Return the time in the form 2026-11-28T01:02:03Z (UTC)."""
    return time.strftime(TIME, time.gmtime())


def address_part(name: str) -> str:
    """Return a name with only letters, digits, `.`, `_` and `-`: it can be a folder and a part of an address."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "model"


def printable(text: object) -> str:
    """Return a text, such as a file's name, on one line: what does not print becomes an escape, such as `\\n`.

    A name may hold line ends, the codes that color a terminal or turn the direction of writing, and bytes that are not
    Unicode. Names are written as they are where programs read them back, in JSON and CSV.
    """
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in str(text))


def markup(text: object) -> str:
    """Return a text for HTML; what does not print becomes an escape, as in `printable`."""
    from html import escape  # its table of entities costs time that most commands need not spend

    return escape(printable(text))


FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  (full-width forms, which some spreadsheets evaluate too)
"""First characters of a field that make a spreadsheet take it for a formula."""


def no_formula(text: str) -> str:
    """Return a text with an apostrophe in front where a spreadsheet would see a formula, or where it begins with one.

    The inverse is to remove one apostrophe from the front.
    """
    return f"'{text}" if text.startswith((*FORMULA, "'")) else text


def count(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun, such as `1 cell` or `2 cells`; `many` is for a plural that does not end in s."""
    return f"{n} {one if n == 1 else many or f'{one}s'}"


def percent(value: float | None, digits: int = 2) -> str:
    """Format a fraction of 0..1 as a percentage; `-` if it is undefined."""
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def interval(values: Sequence[float] | None, digits: int = 2) -> str:
    """Format two fractions of 0..1 as a percentage range, such as `98.90-99.69 %`; `-` if undefined."""
    return "-" if values is None else f"{100 * values[0]:.{digits}f}-{100 * values[1]:.{digits}f} %"


def figure(value: float | None) -> str:
    """Format a measurement of 0 or more with about three significant digits; `-` if there is none."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Format a table with columns separated by two spaces; the first `left` are left-aligned, the others right.

    What does not print becomes an escape (see `printable`), so that a name cannot break a line.
    """
    lines = [list(map(printable, line)) for line in (header, *rows)]
    widths = [max(columns(line[i]) for line in lines) for i in range(len(header))]

    def padded(cell: str, index: int) -> str:
        space = " " * (widths[index] - columns(cell))
        return cell + space if index < left else space + cell

    return "\n".join("  ".join(padded(cell, i) for i, cell in enumerate(line)).rstrip() for line in lines)


def columns(text: str) -> int:
    """Return the width of a text in a terminal: East Asian characters take two columns, combining ones none."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> str:
    """Format a Markdown table; columns whose index is in `numbers` are right-aligned."""
    rule = ["---:" if index in numbers else "---" for index in range(len(header))]
    lines = ([printable(cell).replace("|", r"\|") for cell in line] for line in rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *lines))
