"""Images whose labels are in a table, as labs and spreadsheets write it: CSV with any common delimiter, or Excel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgewbc.data.sources import sides
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
from edgewbc.pixels import Box
from edgewbc.utils.tables import number, read_table

MANY: Final = 20
"""Rows from which a column with another label in most of them is not taken for that of the class."""

REMEDY: Final = "name the columns with --path-column, --label-column, --group-column and --split-column"


@dataclass(frozen=True)
class LabelTable:
    """A table with one labeled image per row, or one labeled cell where it has boxes.

    Attributes:
        path: the file.
        path_column: column that names the image file, relative to the image folder.
        label_column: column that names the class.
        group_column: column that names the slide or patient; None if there is none.
        split_column: column that says train, val or test; None if there is none.
        box_columns: columns with left, top, width and height of the cell in pixels; None if images show one cell.
    """

    path: Path
    path_column: str = "path"
    label_column: str = "label"
    group_column: str | None = None
    split_column: str | None = None
    box_columns: tuple[str, str, str, str] | None = None

    @property
    def columns(self) -> list[str]:
        """The names of the columns that are read."""
        optional = (self.group_column, self.split_column)
        return [self.path_column, self.label_column, *filter(None, optional), *(self.box_columns or ())]


def box_columns(text: str) -> tuple[str, str, str, str]:
    """Parse `--box-columns x,y,width,height`. Raises UserError unless it names four columns."""
    names = tuple(name.strip() for name in text.split(","))
    if len(names) != 4 or not all(names):
        raise UserError(f"--box-columns {text}: name four columns: left,top,width,height")
    return names


def find(folder: Path, table: LabelTable, classes: Sequence[str] | None = None) -> SourceCells:
    """Find the cells that a table lists; images that it does not list are counted in `left_out`.

    Args:
        folder: folder that the paths in the table are relative to.
        table: the file and its columns.
        classes: class names to include; None includes all.

    Raises:
        UserError: the table is missing, malformed or lacks a column; a row lacks a value, names an image (or a cell of
            it) twice, outside of the folder or one that does not exist; a selected class is not in the table.
    """
    require_folder(folder, "the images that the table lists")
    cells: list[Cell] = []
    seen: dict[tuple[str, Box | None], int] = {}
    left_out: Counter[str] = Counter()
    for line, row in read_table(table.path, table.columns, REMEDY):
        path, label = row[table.path_column].replace("\\", "/").removeprefix("./"), row[table.label_column]
        where = f"{table.path}: line {line}"
        check_relative(path, table.path, folder)
        box = None if table.box_columns is None else _box([row[name] for name in table.box_columns], where)
        if (path, box) in seen:
            many = "list each image once, or name the columns of the boxes with --box-columns"
            raise UserError(
                f"{where}: {path} is already in line {seen[path, box]}: {many if box is None else 'remove one'}"
            )
        if not (folder / path).is_file():
            raise UserError(f"{where}: {folder / path}: no such image: check --images and --path-column")
        seen[path, box] = line
        split = None
        if table.split_column is not None:
            split = sides.WORDS.get(row[table.split_column].lower())
            if split is None:
                raise UserError(f"{where}: split {row[table.split_column]!r}: expected train, val or test")
        name, label = label, normalize_label(label)
        if classes is not None and label not in classes:
            left_out[not_selected(label)] += 1
        else:
            group = row[table.group_column] if table.group_column else ""
            cells.append(Cell(path, label, group, "", box, split, name))
    labels = {cell.label for cell in cells}
    for wanted in classes or ():
        if wanted not in labels:
            raise UserError(f"{table.path}: no image of class {wanted!r}: remove it from --classes")
    if len(cells) > MANY and 2 * len(labels) > len(cells):
        raise UserError(
            f"{table.path}: column {table.label_column!r} has {len(labels)} different labels in {len(cells)} rows: "
            "name the column of the class with --label-column"
        )
    below = images_below(folder)
    listed = {folder / path for path, _ in seen}
    left_out["no row in the table"] += sum(path not in listed for path in below.paths)
    return SourceCells(cells, +left_out)


def _box(values: Sequence[str], where: str) -> Box:
    """Return left, top, width and height from a row; numbers may have a decimal comma."""
    try:
        left, top, width, height = (number(value) for value in values)
    except ValueError:
        raise UserError(f"{where}: box {', '.join(values)}: expected four numbers in pixels") from None
    if not (width > 0 and height > 0):
        raise UserError(f"{where}: the box has no area (width {width:g}, height {height:g})")
    return left, top, width, height
