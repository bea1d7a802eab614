"""Images whose labels are in a table: CSV with any common delimiter, as labs and spreadsheets write it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgewbc.data.manifest import Split
from edgewbc.data.sources.scan import (
    Cell,
    SourceCells,
    check_relative,
    images_below,
    normalize_label,
    not_selected,
    require_folder,
)
from edgewbc.errors import UserError
from edgewbc.utils.tables import read_table

MEND: Final = "name the columns with --path-column, --label-column, --group-column and --split-column"
SPLIT_WORDS: Final = {
    "train": Split.TRAIN, "training": Split.TRAIN,
    "val": Split.VAL, "valid": Split.VAL, "validation": Split.VAL, "dev": Split.VAL,
    "test": Split.TEST, "testing": Split.TEST,
}  # fmt: skip


@dataclass(frozen=True)
class LabelTable:
    """A table with one labeled image per row.

    Attributes:
        path: the file.
        path_column: column that names the image file, relative to the image folder.
        label_column: column that names the class.
        group_column: column that names the slide or patient; None if there is none.
        split_column: column that says train, val or test; None if there is none.
    """

    path: Path
    path_column: str = "path"
    label_column: str = "label"
    group_column: str | None = None
    split_column: str | None = None

    @property
    def columns(self) -> list[str]:
        """The names of the columns that are read."""
        optional = (self.group_column, self.split_column)
        return [self.path_column, self.label_column, *(name for name in optional if name is not None)]


def find(folder: Path, table: LabelTable, classes: Sequence[str] | None = None) -> SourceCells:
    """Find the cells that a table lists; images that it does not list are counted in `left_out`.

    Args:
        folder: folder that the paths in the table are relative to.
        table: the file and its columns.
        classes: class names to include; None includes all.

    Raises:
        UserError: the table is missing, malformed or lacks a column; a row lacks a value, names an image twice, outside
            of the folder or one that does not exist; a selected class is not in the table.
    """
    require_folder(folder, "the images that the table lists")
    cells: list[Cell] = []
    seen: dict[str, int] = {}
    left_out: Counter[str] = Counter()
    for line, row in read_table(table.path, table.columns, MEND):
        path, label = row[table.path_column].replace("\\", "/").removeprefix("./"), row[table.label_column]
        where = f"{table.path}: line {line}"
        check_relative(path, table.path, folder)
        if path in seen:
            raise UserError(f"{where}: {path} is already in line {seen[path]}: list each image once")
        if not (folder / path).is_file():
            raise UserError(f"{where}: {folder / path}: no such image: check --images and --path-column")
        seen[path] = line
        split = None
        if table.split_column is not None:
            split = SPLIT_WORDS.get(row[table.split_column].lower())
            if split is None:
                raise UserError(f"{where}: split {row[table.split_column]!r}: expected train, val or test")
        label = normalize_label(label)
        if classes is not None and label not in classes:
            left_out[not_selected(label)] += 1
        else:
            cells.append(Cell(path, label, row[table.group_column] if table.group_column else "", split=split))
    labels = {cell.label for cell in cells}
    for name in classes or ():
        if name not in labels:
            raise UserError(f"{table.path}: no image of class {name!r}: remove it from --classes")
    below = images_below(folder)
    listed = {folder / path for path in seen}
    left_out["no row in the table"] += sum(path not in listed for path in below.paths)
    return SourceCells(cells, +left_out)
