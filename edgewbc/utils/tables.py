"""Read tables as labs and spreadsheets write them: CSV with any common delimiter, and Excel workbooks."""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
import zipfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from edgewbc.errors import UserError
from edgewbc.utils.optional import install_command, need

DELIMITERS: Final = (",", ";", "\t", "|")
WORKBOOKS: Final = (".xlsx", ".xlsm")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV with commas and line feeds, in which a field with any line end is quoted.

    `csv` leaves a carriage return bare where lines end with line feeds (before Python 3.13), and then cannot read it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        fields = list(map(str, row))
        if any("\r" in field for field in fields):
            text.write(",".join(map(_quoted, fields)) + "\n")
        else:
            writer.writerow(fields)
    return text.getvalue()


def _quoted(field: str) -> str:
    """Return a field of a CSV file as `csv` writes it, with a carriage return quoted too."""
    return '"' + field.replace('"', '""') + '"' if re.search('[",\r\n]', field) else field


def read_table(
    path: Path, columns: Sequence[str], remedy: str, *, empty: Collection[str] = ()
) -> list[tuple[int, dict[str, str]]]:
    """Return the line number and the stripped values of each row that is not empty, by column.

    Args:
        path: CSV in UTF-8, or in UTF-16 with a byte order mark; or an Excel workbook (.xlsx), of which the first sheet
            is read.
        columns: that must be there, each once.
        remedy: what to do about a missing column, for the error message.
        empty: those of the columns that may have no value.

    Raises:
        UserError: the file is missing or is not such a table, or a row lacks a value.
    """
    lines = _workbook(path) if path.suffix.lower() in WORKBOOKS else _csv(path)
    header = lines[0][1] if lines else []
    for name in columns:
        if header.count(name) != 1:
            if name in header:
                problem = f"more than one column {name!r}"
            elif len(header) == 1 and name in re.split(r"\W", header[0]):
                raise UserError(f"{path}: its delimiter is not known: save it with one of , ; | or tabs")
            else:
                close = difflib.get_close_matches(name.casefold(), folded := [one.casefold() for one in header], 1)
                meant = f" (did you mean {header[folded.index(close[0])]!r}?)" if close else ""
                problem = f"no column {name!r}{meant}"
            raise UserError(f"{path}: {problem}; found {', '.join(header) or 'none'}: {remedy}")
    rows = []
    for line, values in lines[1:]:
        if not any(values):
            continue
        if len(values) != len(header):
            raise UserError(
                f"{path}: line {line} has {len(values)} values, but the header has {len(header)}: put values in which "
                "the delimiter occurs in double quotes"
            )
        row = dict(zip(header, values, strict=True))
        for name in columns:
            if not row[name] and name not in empty:
                raise UserError(f"{path}: line {line}: no value in column {name!r}")
        rows.append((line, row))
    if not rows:
        raise UserError(f"{path}: no rows below the header")
    return rows


def number(text: str) -> float:
    """Return a number that is written with a decimal point or a decimal comma.

    Raises:
        ValueError: it is not a finite number, or has both, so that it could be read in two ways.
    """
    value = float(text.replace(",", ".")) if text.count(",") == 1 and "." not in text else float(text)
    if not math.isfinite(value):
        raise ValueError(f"not a finite number: {text}")
    return value


def _csv(path: Path) -> list[tuple[int, list[str]]]:
    """Return line number and stripped values of each line of a CSV file.

    The delimiter is that which the header has most of outside of quotes. A first line `sep=;`, which Excel reads and
    writes, names it.
    """
    text = _text(path)
    first, _, rest = text.partition("\n")
    skipped = 0
    if (hint := re.fullmatch(r"sep=(.)\s*", first)) is not None:
        delimiter, text, skipped = hint.group(1), rest, 1
    else:
        bare = re.sub(r'"[^"]*"', "", first)
        delimiter = max(DELIMITERS, key=bare.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [(reader.line_num + skipped, [value.strip() for value in values]) for values in reader]
    except csv.Error as error:
        raise UserError(f"{path}: cannot be read as CSV: line {reader.line_num + skipped}: {error}") from None


def _workbook(path: Path) -> list[tuple[int, list[str]]]:
    """Return row number and values, as text, of each row of a workbook's first sheet, without empty last columns."""
    openpyxl = need("openpyxl", f"{path}: an Excel workbook", install_command("excel"))
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a table with one labeled image per row")
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        rows = [list(values) for values in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except (OSError, ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile, SyntaxError) as error:
        raise UserError(f"{path}: cannot be read as an Excel workbook ({error}): save it as CSV UTF-8") from None
    width = max((place for row in rows for place, value in enumerate(row, 1) if value is not None), default=0)
    return [(line, [_cell(value) for value in (*row, *[None] * width)[:width]]) for line, row in enumerate(rows, 1)]


def _cell(value: object) -> str:
    """Return the text of a workbook's cell; a whole number is without a decimal point, as Excel shows it."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


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
