"""Lists of images: a text file with a name or URL on each line, or a Parquet file with a column of them."""

from __future__ import annotations

import os
from pathlib import Path

from edgewbc.archive.cluster import ARCHIVE
from edgewbc.errors import UserError
from edgewbc.images.discover import is_url
from edgewbc.utils.optional import need

COLUMN = "path"
"""Column of a Parquet file that holds the names."""


def read(path: Path, urls: bool = False) -> list[str]:
    """Read a list of images.

    Relative names are those of files in the folder in which the command runs. Empty lines are left out.

    Args:
        path: of the list; Parquet if its name ends in .parquet, else text.
        urls: whether it may hold URLs, which lead to the network.

    Raises:
        UserError: it cannot be read, is empty, or holds a URL that it may not hold.
    """
    found = _of_parquet(path) if path.suffix.lower() == ".parquet" else _of_text(path)
    if not found:
        raise UserError(f"{path}: lists no image: write one name on each line")
    if not urls and (url := next(filter(is_url, found), None)) is not None:
        raise UserError(f"{path}: {url} is a URL: add --urls to read from the network")
    return [name if is_url(name) else os.path.normpath(name) for name in found]


def _of_text(path: Path) -> list[str]:
    try:
        text = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise _unreadable(path, error) from None
    if b"\0" in text:
        raise UserError(f"{path}: is not a text: give a list with a name on each line, and name images without --list")
    lines = text.split(b"\n")
    return [os.fsdecode(line) for line in (line.removesuffix(b"\r") for line in lines) if line.strip()]


def _of_parquet(path: Path) -> list[str]:
    parquet = need("pyarrow.parquet", "a list in a Parquet file", ARCHIVE)
    try:
        path.open("rb").close()  # what pyarrow says of a missing file is long
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        with parquet.ParquetFile(path) as file:
            if COLUMN not in file.schema_arrow.names:
                raise UserError(
                    f"{path}: has no column {COLUMN} (its columns: {', '.join(file.schema_arrow.names)}): name the "
                    f"column with the images {COLUMN}"
                )
            column = file.read(columns=[COLUMN]).column(COLUMN).to_pylist()
    except (OSError, ValueError) as error:  # those of pyarrow are ValueErrors
        raise UserError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    if any(not isinstance(name, str | bytes) for name in column):
        raise UserError(f"{path}: column {COLUMN} has values that are not text: leave out rows without a name")
    return [os.fsdecode(name) for name in column if name]


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: cannot be read: {error.strerror}")
