"""Result rows as CSV in several styles, safe to open in a spreadsheet, and reading the names back.

A field whose first character would make a spreadsheet take it for a formula (`=`, `+`, `-`, `@`, tab, carriage return
or line feed) is written differently, and `decode_name` and `decode_text` undo that:

- a name gets `./` in front, which names the same file: `./=1+1.jpg`;
- any other text gets an apostrophe in front, and so does one that begins with an apostrophe.

Fields with quotes, delimiters or control characters are quoted, so that a carriage return in a name does not end the
row. A byte of a name that is not valid UTF-8 is written as `\\udcXX`, where XX are its hexadecimal digits. In a name
with such a byte, or with literal text like `\\udcff`, every backslash is doubled.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, TextIO

from edgewbc.utils.text import FORMULA, no_formula

if TYPE_CHECKING:  # the command line imports this module, which must not cost it numpy
    from edgewbc.lab.results import ResultRow


class CsvStyle(StrEnum):
    """How a CSV file is written.

    `plain`: comma, decimal point, line feeds. `excel`: semicolon, decimal comma, CRLF and a byte order mark, for
    spreadsheets of countries that write 0,5. `iso`: RFC 4180 (comma, decimal point, CRLF). All are UTF-8.
    """

    PLAIN = "plain"
    EXCEL = "excel"
    ISO = "iso"


@dataclass(frozen=True)
class _Dialect:
    delimiter: str
    decimal: str
    end: str
    start: str = ""


_DIALECTS = {
    CsvStyle.PLAIN: _Dialect(",", ".", "\n"),
    CsvStyle.EXCEL: _Dialect(";", ",", "\r\n", "\ufeff"),
    CsvStyle.ISO: _Dialect(",", ".", "\r\n"),
}
_QUOTED = re.compile('[";\x00-\x1f\x7f\x85\u2028\u2029]|^ | $')
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_ESCAPE = re.compile(r"\\(\\|u[dD][89a-fA-F][0-9a-fA-F]{2})")
_FIRST = ["path", "label", "probability"]
_CELL = ["cell", "box"]
_LAST = ["status", "reason", "model_sha256"]


def csv_columns(classes: Sequence[str], by_cell: bool = False) -> list[str]:
    """Return the names of the CSV's columns; with `by_cell`, those that tell the cells of an image apart too."""
    return [*_FIRST, *classes, *(_CELL if by_cell else []), *_LAST]


def write_csv(
    rows: Iterable[ResultRow],
    classes: Sequence[str],
    file: TextIO,
    *,
    style: CsvStyle = CsvStyle.PLAIN,
    header: bool = True,
    by_cell: bool = False,
) -> None:
    """Write rows as CSV, with a header line unless `header` is False.

    Probabilities have 6 decimals and are empty for an error. With `by_cell` there are columns for the number and the
    box of the cell (left, top, width and height in pixels, separated by spaces).
    """
    dialect = _DIALECTS[style]
    delimiter, decimal = dialect.delimiter, dialect.decimal

    def number(value: float | None) -> str:  # never needs quotes
        return "" if value is None else f"{value:.6f}".replace(".", decimal)

    if header:
        columns = (_field(name, delimiter) for name in csv_columns(classes, by_cell))
        file.write(dialect.start + delimiter.join(columns) + dialect.end)
    for row in rows:
        each = [number(row.probabilities.get(name)) for name in classes]
        if by_cell:
            each += [str(row.cell), "" if row.box is None else " ".join(f"{value:.0f}" for value in row.box)]
        before = (_quoted(encode_name(row.path), delimiter), _field(row.label, delimiter), number(row.probability))
        after = (_field(text, delimiter) for text in (row.status, row.reason, row.model_sha256))
        file.write(delimiter.join((*before, *each, *after)) + dialect.end)


def read_names(header: str, lines: Iterable[str]) -> Iterator[str] | None:
    """Return the names in the first column of a CSV of any style, or None if it is not a result table.

    Args:
        header: the first line, without a byte order mark.
        lines: the others, with their ends (a file opened with newline="").
    """
    delimiter = ";" if header.startswith("path;label;") else ","
    columns = next(csv.reader([header], delimiter=delimiter), [])
    if columns[: len(_FIRST)] != _FIRST or columns[-len(_LAST) :] != _LAST:
        return None
    return (decode_name(fields[0]) for fields in csv.reader(lines, delimiter=delimiter) if fields)


def encode_name(name: str) -> str:
    """Return a file name as the table has it: no formula, and no two names alike."""
    if _SURROGATE.search(name) or _ESCAPED.search(name):
        name = _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", name.replace("\\", "\\\\"))
    return f"./{name}" if name.startswith(FORMULA) else name


def decode_name(text: str) -> str:
    """Return the file name for a name in a table; the inverse of `encode_name`."""
    if text.startswith("./") and text[2:].startswith(FORMULA):
        text = text[2:]
    if not _ESCAPED.search(text):
        return text
    return _ESCAPE.sub(lambda found: "\\" if found[1] == "\\" else chr(int(found[1][1:], 16)), text)


def decode_text(text: str) -> str:
    """Return the text for a field of a table; the inverse of `no_formula`."""
    return text.removeprefix("'")


@lru_cache(1024)
def _field(text: str, delimiter: str) -> str:
    """Return a field of text other than a name. There are few different ones."""
    return _quoted(no_formula(str(text)), delimiter)


def _quoted(text: str, delimiter: str) -> str:
    """Return a field in quotes where it needs them. With a semicolon it does: some spreadsheets split any CSV there."""
    if delimiter in text or _QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text
