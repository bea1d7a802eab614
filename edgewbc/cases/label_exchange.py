"""Exchange labels of cells with labeling programs: out of a case or a table of labels, and back into either."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgewbc.cases.case import Case
from edgewbc.cases.file import CASE
from edgewbc.cells import SHORT, in_order
from edgewbc.errors import UserError
from edgewbc.images.discover import SUFFIXES
from edgewbc.interop import fiftyone, label_studio
from edgewbc.interop.labels import LabeledImage, LabelForm
from edgewbc.lab.csv_table import encode_name
from edgewbc.lab.labeled_cells import LABEL, PATH, SKIPPED
from edgewbc.utils.files import occupied, read_json, whole_folder, write_json, write_text
from edgewbc.utils.tables import csv_text, read_table

IMAGES = "cells"


@dataclass(frozen=True)
class Source:
    """Images to export.

    Attributes:
        images: with the names that they get.
        files: where each one is.
        classes: all labels that may be given.
        model: name of the network; empty if there is none.
    """

    images: tuple[LabeledImage, ...]
    files: tuple[Path, ...]
    classes: tuple[str, ...]
    model: str = ""


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        changed: number of images by their new label.
        same: number of images that have the label already.
        unlabeled: number of images without a label.
    """

    changed: Mapping[str, int]
    same: int
    unlabeled: int


def source_of(path: Path) -> Source:
    """Return the images of a case, or of a table with the columns `path` and `label`.

    Of a case, labels are those that a person gave or, once it is signed, all; excluded cells are left out.

    Raises:
        UserError: it is neither, or an image is missing or was altered.
    """
    if path.is_dir() and (path / CASE).is_file():
        return _of_case(Case.read(path))
    if not path.is_file():
        raise UserError(f"{path}: is neither a case (`edgewbc count`) nor a table of labels")
    return _of_table(path)


def _of_case(case: Case) -> Source:
    case.check_signed_files()
    images, files = [], []
    for cell in case.cells():
        if cell.crop is None or (cell.excluded is not None and not cell.decided):
            continue
        label = cell.decided or (cell.label if case.signed else "")
        sha256 = case.index.cells[cell.order - 1].crop_sha256
        probability = cell.probability if cell.machine else None
        images.append(
            LabeledImage(cell.crop.name, label, cell.machine, probability, cell.order, case.info.case, sha256)
        )
        files.append(cell.crop)
    return Source(tuple(images), tuple(files), case.labels, case.info.bundle)


def _of_table(table: Path) -> Source:
    images, files = [], []
    rows = read_table(table, (PATH, LABEL), f"the first line must be {PATH},{LABEL}", empty=(LABEL,))
    for number, (line, row) in enumerate(rows, 1):
        file = table.parent / row[PATH].replace("\\", "/")
        if not file.is_file():
            raise UserError(f"{table}: line {line}: {file}: no such image")
        label = "" if row[LABEL].casefold() in SKIPPED else row[LABEL]
        images.append(LabeledImage(f"{number:06d}{file.suffix.lower()}", label, number=number))
        files.append(file)
    return Source(tuple(images), tuple(files), in_order({each.label for each in images if each.label}))


def export(source: Source, form: LabelForm, to: Path) -> None:
    """Write a folder that a labeling program opens: all of it or none.

    Raises:
        UserError: `to` is not an empty folder, there is nothing to export, or an image cannot be read or was altered.
    """
    if occupied(to):
        raise UserError(f"{to}: exists already and is not overwritten: give another --to")
    if not source.images:
        raise UserError("there is no image to export")
    below = IMAGES if form == LabelForm.LABEL_STUDIO else fiftyone.DATA
    with whole_folder(to) as folder:
        (folder / below).mkdir()
        images = []
        for image, file in zip(source.images, source.files, strict=True):
            try:
                data = file.read_bytes()
            except OSError as error:
                raise UserError(f"{file}: cannot be read: {error.strerror}") from None
            if image.sha256 and hashlib.sha256(data).hexdigest() != image.sha256:
                raise UserError(f"{file}: was altered: run `edgewbc verify` on its case")
            (folder / below / image.file).write_bytes(data)
            images.append(_below(image, below))
        if form == LabelForm.LABEL_STUDIO:
            write_json(folder / label_studio.TASKS, label_studio.tasks(images, source.model))
            write_text(folder / label_studio.CONFIG, label_studio.config(source.classes))
        else:
            write_json(folder / fiftyone.LABELS, fiftyone.labels(images, source.classes))
            write_json(folder / fiftyone.PREDICTIONS, fiftyone.predictions(images, source.classes))


def _below(image: LabeledImage, folder: str) -> LabeledImage:
    more = (image.label, image.suggestion, image.probability, image.number, image.case, image.sha256)
    return LabeledImage(f"{folder}/{image.file}", *more)


def read(path: Path) -> list[LabeledImage]:
    """Return the images of a Label Studio export (JSON, JSON-MIN) or of a FiftyOne `labels.json`.

    Args:
        path: of the file; or a folder that has one of them under its usual name.

    Raises:
        UserError: it is none of these.
    """
    if path.is_dir():
        path = next((path / name for name in (fiftyone.LABELS, label_studio.TASKS) if (path / name).is_file()), path)
    values = read_json(path, "labels of Label Studio or FiftyOne")
    try:
        return label_studio.read(values) if isinstance(values, list) else fiftyone.read(values)
    except ValueError as error:
        raise UserError(f"{path}: is not an export of Label Studio or FiftyOne: {error}") from None


def into_case(images: Sequence[LabeledImage], case: Case, who: str, why: str) -> Imported:
    """Record labels as a person's decisions on the cells of an open case, in one transaction.

    A cell is found by the name of its crop, and the crop's hash where the labels have it. A label that the cell has
    already is not recorded again, unless the cell is open.

    Args:
        images: from an export of the same case.
        case: open for decisions.
        who: the person who answers for the labels.
        why: where they come from.

    Raises:
        UserError: an image is of no cell of this case, a label is none that a case has, or as `Case.decide_each`.
    """
    by_crop = {Path(cell.crop).stem: cell for cell in case.index.cells if cell.crop}
    names = _names(case.labels)
    wanted: dict[int, str] = {}
    same = unlabeled = 0
    for image in images:
        if not image.label.strip():
            unlabeled += 1
            continue
        if image.case and image.case != case.info.case:
            raise UserError(f"{image.file} is of the case {image.case}, not of {case.info.case}")
        indexed = by_crop.get(image.stem)
        if indexed is None or (image.sha256 and image.sha256 != indexed.crop_sha256):
            raise UserError(f"{image.file} is not a cell of {case.folder}: import the labels of an export of this case")
        label = names.get(_key(image.label))
        if label is None:
            raise UserError(
                f"{image.file}: {image.label!r} is not a label of a cell: use one of {', '.join(case.labels)}"
            )
        if indexed.id in wanted:
            raise UserError(f"{image.file} occurs twice")
        cell = case.cell(indexed.id)
        if cell.label == label and not cell.open:
            same += 1
        else:
            wanted[indexed.id] = label
    if wanted:
        case.decide_each(wanted, who, why)
    return Imported(dict(Counter(wanted.values())), same, unlabeled)


def to_table(images: Sequence[LabeledImage], root: Path, table: Path) -> Imported:
    """Write labels as a table with the columns `path` and `label`, as `adapt` and `data manifest table` read it.

    Args:
        images: with names relative to `root`; one without a suffix is looked for under all suffixes of images.
        root: folder of the images.
        table: file to write; paths are relative to its folder.

    Raises:
        UserError: an image is missing or outside of the folder, no image has a label, or the table exists.
    """
    if table.exists():
        raise UserError(f"{table}: exists already and is not overwritten: give another --to")
    rows = [[PATH, LABEL]]
    counts: Counter[str] = Counter()
    for image in images:
        if not image.label.strip():
            continue
        file = _find(root, image.file)
        relative = os.path.relpath(file, table.parent).replace(os.sep, "/")
        rows.append([encode_name(relative), image.label])
        counts[image.label] += 1
    if not counts:
        raise UserError("no image has a label")
    write_text(table, csv_text(rows))
    return Imported(dict(counts), 0, len(images) - counts.total())


def _find(root: Path, name: str) -> Path:
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or "\0" in name:
        raise UserError(f"{name!r} is outside of the folder of the images")
    for candidate in (root / name, *(root / f"{name}{suffix}" for suffix in sorted(SUFFIXES))):
        if candidate.is_file():
            return candidate
    raise UserError(f"{root / name}: no such image: name the folder of the images with --images")


def _names(labels: Sequence[str]) -> dict[str, str]:
    """Return each label by its name and its abbreviation, as `_key` gives them."""
    return {_key(SHORT[name]): name for name in labels if name in SHORT} | {_key(name): name for name in labels}


def _key(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())
