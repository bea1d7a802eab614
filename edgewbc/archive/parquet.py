"""The table of results as Parquet, next to the CSV: the same columns and values, for tools that read archives."""

from __future__ import annotations

from pathlib import Path

from edgewbc.archive.cluster import ARCHIVE
from edgewbc.errors import UserError
from edgewbc.lab.csv_table import CsvStyle
from edgewbc.utils.files import atomic_write
from edgewbc.utils.optional import need

MADE_BY = b"edgewbc"
"""Key in the file's metadata by which a table that may be replaced is recognized."""

_BLOCK = 4 << 20


def path_of(out: Path) -> Path:
    """Return where the Parquet table of a results file is: `cells.parquet` for `cells.csv`."""
    return out.with_suffix(".parquet")


def check(path: Path) -> None:
    """Check that a Parquet file that would be replaced is one that `write` wrote.

    Raises:
        UserError: it is another file.
    """
    parquet = need("pyarrow.parquet", "--engine ray", ARCHIVE)
    if not path.exists():
        return
    try:
        known = MADE_BY in (parquet.read_metadata(path).metadata or {})
    except (OSError, ValueError):
        known = False
    if not known:
        raise UserError(
            f"{path}: exists, and is not a table of edgewbc: give --out another name, or move this file away first"
        )


def write(table: Path, path: Path, *, style: CsvStyle, classes: int) -> None:
    """Write the table of a results file, block by block, as Parquet; an empty number becomes null.

    Args:
        table: CSV that `lab.csv_table` wrote.
        path: of the Parquet file; replaced atomically.
        style: of the CSV.
        classes: number of classes of the bundle.

    Raises:
        UserError: it cannot be written.
    """
    pa = need("pyarrow", "--engine ray", ARCHIVE)
    csv = need("pyarrow.csv", "--engine ray", ARCHIVE)
    parquet = need("pyarrow.parquet", "--engine ray", ARCHIVE)
    excel = style is CsvStyle.EXCEL
    names = _header(table, style)
    numbers = {names[index]: pa.float64() for index in range(2, 3 + classes)}
    cell = {"cell": pa.int32()} if "cell" in names[3 + classes :] else {}
    types = dict.fromkeys(names, pa.string()) | numbers | cell
    try:
        with csv.open_csv(
            table,
            read_options=csv.ReadOptions(block_size=_BLOCK),
            parse_options=csv.ParseOptions(delimiter=";" if excel else ",", newlines_in_values=True),
            convert_options=csv.ConvertOptions(column_types=types, decimal_point="," if excel else "."),
        ) as reader:
            schema = reader.schema.with_metadata({MADE_BY: b"classify"})
            with atomic_write(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
                for batch in reader:
                    writer.write_batch(batch)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None


def _header(table: Path, style: CsvStyle) -> list[str]:
    """Return the names of the columns of a CSV."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        line = file.readline().rstrip("\r\n")
    return line.split(";" if style is CsvStyle.EXCEL else ",")
