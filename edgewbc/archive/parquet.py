"""The table of results as Parquet, next to the CSV: the same columns and values, for tools that read archives."""

from __future__ import annotations

import csv
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
    tables = need("pyarrow.csv", "--engine ray", ARCHIVE)
    parquet = need("pyarrow.parquet", "--engine ray", ARCHIVE)
    excel = style is CsvStyle.EXCEL
    names = _header(table, style)
    types = [pa.string(), pa.string(), *[pa.float64()] * (1 + classes), *[pa.string()] * (len(names) - 3 - classes)]
    if names[3 + classes] == "cell":
        types[3 + classes] = pa.int32()
    schema = pa.schema([*zip(names, types, strict=True)], {MADE_BY: b"classify"})
    places = [str(place) for place in range(len(names))]  # a class may have the name of another column
    read = tables.ReadOptions(block_size=_BLOCK, column_names=places, skip_rows=1)
    parse = tables.ParseOptions(delimiter=";" if excel else ",", newlines_in_values=True)
    column_types = dict(zip(places, types, strict=True))
    convert = tables.ConvertOptions(column_types=column_types, decimal_point="," if excel else ".")
    try:
        with (
            tables.open_csv(table, read_options=read, parse_options=parse, convert_options=convert) as reader,
            atomic_write(path) as temporary,
            parquet.ParquetWriter(temporary, schema) as writer,
        ):
            for batch in reader:
                writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None


def _header(table: Path, style: CsvStyle) -> list[str]:
    """Return the names of the columns of a CSV."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file, delimiter=";" if style is CsvStyle.EXCEL else ","))
