"""The results file of a run: where it may be, writing it atomically, and refusing to replace one of other images."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from edgewbc.errors import UserError
from edgewbc.images.discover import SUFFIXES
from edgewbc.lab.csv_table import CsvStyle, read_names, write_csv
from edgewbc.lab.results import ResultRow, write_jsonl
from edgewbc.utils.files import atomic_write, replaceable

WORKBOOKS = frozenset({".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers"})
"""Suffixes of spreadsheet files, which are not text and are not written."""

_REMEDY = "give --out another name, or move this file away first"


@dataclass
class LiveResultsFile:
    """A results file that is rewritten from time to time while rows still arrive.

    Attributes:
        write: rewrites the file.
        clock: seconds; only differences matter.
        stale: set by the caller when there are rows that the file does not have yet.
        problem: why the last write failed (a spreadsheet may hold the file open); it is retried. Empty if it succeeded.
    """

    write: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    stale: bool = False
    problem: str = ""
    _due: float = float("-inf")

    def refresh(self) -> None:
        """Rewrite the file if it is stale: at most every two seconds, and for at most a twentieth of the time."""
        begun = self.clock()
        if not self.stale or begun < self._due:
            return
        try:
            self.write()
            self.stale, self.problem = False, ""
        except UserError as error:
            self.problem = str(error)
        now = self.clock()
        self._due = now + max(2.0, 20 * (now - begun))


def check_output_path(path: Path) -> None:
    """Check that `path` can be a results file.

    Raises:
        UserError: it is a folder, a device or a pipe, or has the suffix of an image or of a spreadsheet file.
    """
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        raise UserError(
            f"{path}: is {'a folder' if path.is_dir() else 'an image'}; give --out a file such as cells.csv"
        )
    if path.suffix.lower() in WORKBOOKS:
        raise UserError(
            f"{path}: classify writes CSV, not {path.suffix} files: use --out {path.with_suffix('.csv')} --csv excel, "
            "which a spreadsheet opens"
        )
    try:
        replaceable(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None


def check_is_results(path: Path, journal: Path) -> None:
    """Check that a file that would be replaced is a results file that may come from a journal.

    Args:
        path: of the results file; where there is none, or an empty one, all is well.
        journal: its journal.

    Raises:
        UserError: it is another file, or there is no such journal.
    """
    try:
        if not path.exists() or path.stat().st_size == 0:
            return
        with _opened(path) as file:
            if _names(file) is None:
                raise UserError(f"{path}: exists, and is not a results file of edgewbc: {_REMEDY}")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}: {_REMEDY}") from None
    if not journal.exists():
        raise UserError(f"{path}: exists, and its journal {journal} does not: {_REMEDY}")


def check_same_images(path: Path, inputs: Iterable[str | Path], in_journal: Callable[[str], bool]) -> None:
    """Check that a results file holds rows of nothing but the inputs of this run, so that replacing it loses none.

    Args:
        path: of the results file; where there is none, or an empty one, all is well.
        inputs: files, and folders whose files are meant.
        in_journal: returns whether the journal has a result for a file.

    Raises:
        UserError: it holds a row of another image, or one that is not in the journal.
    """
    ours = {_key(name) for name in inputs}
    folders: dict[str, bool] = {}

    def inside(folder: str) -> bool:
        if folder not in folders:
            above = os.path.dirname(folder)  # noqa: PTH120
            folders[folder] = folder in ours or (above != folder and inside(above))
        return folders[folder]

    try:
        if not path.exists():
            return
        with _opened(path) as file:
            for name in _names(file) or ():
                key = _key(name)
                if not (key in ours or inside(os.path.dirname(key))) or not in_journal(name):  # noqa: PTH120
                    raise UserError(f"{path}: holds results of other images, such as {name}: {_REMEDY}")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}): {_REMEDY}") from None


def save(
    rows: Iterable[ResultRow],
    classes: Sequence[str],
    path: Path,
    *,
    jsonl: bool,
    style: CsvStyle = CsvStyle.PLAIN,
    by_cell: bool = False,
) -> None:
    """Write rows to a file atomically: it appears under its name when the last row is written.

    Bytes of a file name that are not valid Unicode are written as backslash escapes.

    Raises:
        UserError: the file cannot be written (see `check_output_path`).
    """
    check_output_path(path)
    try:
        with (
            atomic_write(path) as temporary,
            temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
        ):
            if jsonl:
                write_jsonl(rows, file)
            else:
                write_csv(rows, classes, file, style=style, by_cell=by_cell)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None


def _opened(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def _names(file: TextIO) -> Iterator[str] | None:
    """Return the image names in a results file, CSV or JSON Lines; None if it is neither."""
    first = file.readline(1 << 16)
    if first.startswith("{"):
        try:
            known = {"path", "label", "status"} <= set(json.loads(first))
        except ValueError:
            return None
        return (str(json.loads(line)["path"]) for line in itertools.chain([first], file)) if known else None
    return read_names(first, file)


def _key(name: str | Path) -> str:
    return os.path.normcase(os.path.abspath(name))  # noqa: PTH100
