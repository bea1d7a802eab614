"""Read tables of text as labs and spreadsheets write them: CSV with any common delimiter."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from edgewbc.errors import UserError

DELIMITERS: Final = (",", ";", "\t", "|")


def read_table(
    path: Path, columns: Sequence[str], mend: str, *, empty: Collection[str] = ()
) -> list[tuple[int, dict[str, str]]]:
    """Return the line number and the stripped values of each row that is not empty, by column.

    Args:
        path: file in UTF-8, or in UTF-16 with a byte order mark.
        columns: that must be there, each once.
        mend: what to do about a missing column, for the error message.
        empty: those of the columns that may have no value.

    Raises:
        UserError: the file is missing or is not such a table, or a row lacks a value.
    """
    text = _text(path)
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=first.count))
    try:
        lines = [(reader.line_num, [value.strip() for value in values]) for values in reader]
    except csv.Error as error:
        raise UserError(f"{path}: cannot be read as CSV: line {reader.line_num}: {error}") from None
    header = lines[0][1] if lines else []
    for name in columns:
        if header.count(name) != 1:
            problem = "no column" if name not in header else "more than one column"
            raise UserError(f"{path}: {problem} {name!r}; found {', '.join(header) or 'none'}: {mend}")
    rows = []
    for line, values in lines[1:]:
        if not any(values):
            continue
        if len(values) != len(header):
            raise UserError(f"{path}: line {line} has {len(values)} values, but the header has {len(header)}")
        row = dict(zip(header, values, strict=True))
        for name in columns:
            if not row[name] and name not in empty:
                raise UserError(f"{path}: line {line}: no value in column {name!r}")
        rows.append((line, row))
    if not rows:
        raise UserError(f"{path}: no rows below the header")
    return rows


def _text(path: Path) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 with a byte order mark."""
    try:
        data = path.read_bytes()
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected a table with one labeled image per row") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text: save the table as 'CSV UTF-8'") from None
