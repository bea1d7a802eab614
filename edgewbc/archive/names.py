"""Lists of images: a text file with a name or URL on each line, or Parquet with a column of them."""

from __future__ import annotations

import codecs
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

    Relative names are those of files in the folder in which the command runs. Empty lines are left out. A name keeps
    its `..`: where a link leads to a folder, the system finds another file by `link/../a.jpg` than by `a.jpg`.

    Args:
        path: of the list. Parquet if its name ends in .parquet; a folder of that name, as programs that write in parts
            make it, is one list. Else text: UTF-8, or UTF-16 with a byte order mark.
        urls: whether it may hold URLs, which lead to the network.

    Raises:
        UserError: it cannot be read, is empty, or holds a URL that it may not hold.
    """
    found = _of_parquet(path) if path.suffix.lower() == ".parquet" else _of_text(path)
    if not found:
        raise UserError(f"{path}: lists no image: write one name on each line")
    if not urls and (url := next(filter(is_url, found), None)) is not None:
        raise UserError(f"{path}: {url} is a URL: add --urls to read from the network")
    return [name if is_url(name) else str(Path(name)) for name in found]


def _of_text(path: Path) -> list[str]:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # as PowerShell writes what a command prints
        text = _of_utf16(text)
    text = text.removeprefix(codecs.BOM_UTF8)
    if b"\0" in text:
        raise UserError(f"{path}: is not a text: give a list with a name on each line, and name images without --list")
    lines = text.split(b"\n" if b"\n" in text else b"\r")
    return [os.fsdecode(line) for line in (line.removesuffix(b"\r") for line in lines) if line.strip()]


def _of_utf16(text: bytes) -> bytes:
    """Return the bytes of names in a text in UTF-16; the text as it is where it only looks like one."""
    try:
        return os.fsencode(text.decode("utf-16"))
    except UnicodeError:
        return text


def _of_parquet(path: Path) -> list[str]:
    if not path.is_dir():
        return _column(path)
    files = (Path(top, name) for top, _, names in os.walk(path) for name in names)
    parts = sorted(file for file in files if file.suffix.lower() == ".parquet" and not file.name.startswith((".", "_")))
    return [name for part in parts for name in _column(part)]


def _column(path: Path) -> list[str]:
    """Return the names in a Parquet file."""
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
    except (OSError, ValueError, KeyError) as error:  # of pyarrow; KeyError where two columns have the name
        raise UserError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    if any(not isinstance(name, str | bytes) for name in column):
        raise UserError(f"{path}: column {COLUMN} has values that are not text: leave out rows without a name")
    return [os.fsdecode(name) for name in column if name]


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: cannot be read: {error.strerror}")
