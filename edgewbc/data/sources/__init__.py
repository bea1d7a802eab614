"""Data sources: each one finds labeled cells in a folder, and `make` turns them into a manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from edgewbc._version import __version__
from edgewbc.cells import in_order, problem
from edgewbc.data import splits as protocols
from edgewbc.data.manifest import Entry, Manifest, Protocol, Provenance, Split
from edgewbc.data.sources import (
    augmented,
    bccd,
    coco,
    folder,
    jtsc,
    kaggle_bccd,
    pbc,
    sides,
    synthetic,
    table,
    voc,
    yolo,
)
from edgewbc.data.sources.label_map import LabelMap, select
from edgewbc.data.sources.scan import (
    Cell,
    SourceCells,
    check_utf8,
    group_copies,
    hash_images,
    normalize_label,
    require_folder,
    spelled,
)
from edgewbc.data.sources.table import LabelTable
from edgewbc.errors import UserError


class SourceName(StrEnum):
    """The data sources."""

    FOLDER = "folder"
    TABLE = "table"
    YOLO = "yolo"
    VOC = "voc"
    COCO = "coco"
    PBC = "pbc"
    BCCD = "bccd"
    KAGGLE_BCCD = "kaggle-bccd"
    JTSC = "jtsc"
    SYNTHETIC = "synthetic"
    AUGMENTED = "augmented"
    CASES = "cases"


OWN: Final = (Protocol.GROUPED, Protocol.PUBLISHED, Protocol.OFFICIAL, Protocol.POSTER, Protocol.EXTERNAL)
"""Protocols of a lab's own images, which may be divided into train, val and test already."""

BOXES: Final = (SourceName.YOLO, SourceName.VOC, SourceName.COCO)
"""Sources with annotated boxes."""

SOURCES: Final[Mapping[SourceName, tuple[Protocol, ...]]] = {
    SourceName.FOLDER: OWN,
    SourceName.YOLO: OWN,
    SourceName.VOC: OWN,
    SourceName.COCO: OWN,
    SourceName.TABLE: (Protocol.GROUPED, Protocol.PUBLISHED, Protocol.POSTER, Protocol.EXTERNAL),
    SourceName.PBC: (Protocol.PUBLISHED, Protocol.PUBLISHED8, Protocol.GROUPED, Protocol.POSTER),
    SourceName.BCCD: (Protocol.GROUPED, Protocol.POSTER, Protocol.EXTERNAL),
    SourceName.KAGGLE_BCCD: (Protocol.OFFICIAL, Protocol.GROUPED, Protocol.POSTER),
    SourceName.JTSC: (Protocol.EXTERNAL,),
    SourceName.SYNTHETIC: (Protocol.GROUPED, Protocol.POSTER),
    SourceName.AUGMENTED: (Protocol.GROUPED, Protocol.POSTER),
    SourceName.CASES: (Protocol.GROUPED, Protocol.EXTERNAL),
}
"""Protocols of each source, its default first. (A table with a split column has the default `published`,
and images that are divided into train, val and test already that of `sides.default_protocol`.)"""


def make(
    source: str,
    folder: Path,
    *,
    protocol: str | None = None,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    group_pattern: str | None = None,
    splits: tuple[float, float, float] = protocols.FRACTIONS,
    labels: LabelTable | None = None,
    annotations: Path | None = None,
    label_map: LabelMap | None = None,
    cases: SourceCells | None = None,
) -> Manifest:
    """Make a manifest of a source's images.

    Args:
        source: one of `SourceName`.
        folder: folder of the images; the manifest's root.
        protocol: one of the source's protocols; its first by default.
        seed: seed of the split; together with the images it determines the manifest.
        classes: class names to include; None includes all that the source has by default.
        group_pattern: for `folder` and the sources with boxes: regular expression whose first capture group, searched
            for in the relative path, names the group.
        splits: shares of train, val and test, for the protocols that draw the split (`official` draws validation).
        labels: for the source `table`: the table and its columns.
        annotations: for the source `coco`: its JSON file, or a folder of such files; None is `folder`.
        label_map: classes of the source's labels, for `folder`, `table` and the sources with boxes; `classes` then
            names classes and not labels.
        cases: for the source `cases`: the cells of signed cases, with paths relative to the folder.

    Raises:
        UserError: the source or protocol is unknown, an option does not apply, or the folder is not as expected.
    """
    drawn = protocol is None
    if protocol is None and labels is not None and labels.split_column is not None:
        protocol = Protocol.PUBLISHED
    chosen = protocol_of(source, protocol)
    name = SourceName(source)
    own = name in (SourceName.FOLDER, *BOXES)
    _check_options(name, chosen, group_pattern, label_map, labels, cases)
    protocols.check_fractions(splits)
    wanted = None if classes is None else in_order([label for text in classes if (label := normalize_label(text))])
    if wanted == ():
        raise UserError("--classes is empty: name at least one class")
    require_folder(folder, f"the images of the source {name}")
    check_utf8(folder.resolve())
    mapped = label_map is not None or name in BOXES
    if cases is not None:
        found = _of_cases(cases, wanted)
    else:
        found = _find(name, folder, chosen, None if mapped else wanted, group_pattern, labels, annotations)
    if label_map is not None:
        found = label_map.apply(found)
    if mapped and wanted is not None:
        found = select(found, wanted)
    if own:
        if drawn and name == SourceName.FOLDER:
            sides.require_choice(found.cells, str(folder))
        chosen = sides.default_protocol(found.cells, str(folder)) if drawn else chosen
        sides.check(found.cells, chosen, str(folder))
    left_out = Counter(found.left_out)
    cells = group_copies(hash_images(folder, found.cells, left_out))
    for label in sorted({cell.label for cell in found.cells} - {cell.label for cell in cells}):
        raise UserError(f"{folder}: no readable image of class {label!r}: add images, or exclude it with --classes")
    by_label = spelled(cells)
    names = in_order([*by_label.values()])
    if wrong := problem(names):
        raise UserError(f"{folder}: {wrong}: rename it, or exclude it with --classes")
    if chosen not in (Protocol.PUBLISHED, Protocol.PUBLISHED8) or own or name == SourceName.TABLE:
        cells.sort(key=lambda cell: (cell.path, cell.box or ()))
    provenance = Provenance(
        source=found.source or name.value,
        seed=seed,
        citation=found.citation,
        license=found.license,
        left_out=dict(sorted(left_out.items())),
        splits=splits if chosen in (Protocol.OFFICIAL, Protocol.GROUPED, Protocol.POSTER) else None,
        edgewbc=__version__,
    )
    entries = tuple(replace(entry, label=by_label[entry.label]) for entry in _entries(cells, chosen, seed, splits))
    return Manifest(folder, entries, names, chosen, provenance)


def _check_options(
    name: SourceName,
    protocol: Protocol,
    group_pattern: str | None,
    label_map: LabelMap | None,
    labels: LabelTable | None,
    cases: SourceCells | None,
) -> None:
    """Raise UserError if an option of `make` does not apply to the source, or one that it needs is missing."""
    own = name in (SourceName.FOLDER, *BOXES)
    if group_pattern is not None and not own:
        raise UserError(
            f"--group-pattern is only for the sources folder, {', '.join(BOXES)}; {name} has its own groups"
        )
    if label_map is not None and not own and name != SourceName.TABLE:
        raise UserError(f"--map is only for the sources folder, table, {', '.join(BOXES)}")
    if (labels is None) == (name == SourceName.TABLE):
        raise UserError("the source table needs a table of labels, and no other source takes one")
    if (cases is None) == (name == SourceName.CASES):
        raise UserError("the source cases needs the cells of signed cases, and no other source takes them")
    if labels is not None and protocol == Protocol.PUBLISHED and labels.split_column is None:
        raise UserError("protocol published: name the column that says train, val or test with --split-column")


def _of_cases(cases: SourceCells, wanted: tuple[str, ...] | None) -> SourceCells:
    """Return the cells of signed cases under normalized labels; those of the wanted classes, if any are named."""
    cells = [replace(cell, label=normalize_label(cell.label), name=cell.label) for cell in cases.cells]
    found = replace(cases, cells=cells)
    return found if wanted is None else select(found, wanted)


def protocol_of(source: str, protocol: str | None = None) -> Protocol:
    """Return the protocol by which a source is divided: its first if none is named.

    Raises:
        UserError: the source is unknown or does not have the protocol.
    """
    try:
        available = SOURCES[SourceName(source)]
    except ValueError:
        raise UserError(f"source {source!r}: use one of {', '.join(SOURCES)}") from None
    if protocol is None:
        return available[0]
    if protocol not in available:
        why = " (it is only for evaluation, never for training)" if source == SourceName.JTSC else ""
        raise UserError(f"protocol {protocol!r}: source {source} has {', '.join(available)}{why}")
    return Protocol(protocol)


def _find(
    source: SourceName,
    where: Path,
    protocol: Protocol,
    classes: tuple[str, ...] | None,
    group_pattern: str | None,
    labels: LabelTable | None,
    annotations: Path | None,
) -> SourceCells:
    if labels is not None:
        return table.find(where, labels, classes)
    if source == SourceName.FOLDER:
        return folder.find(where, classes, group_pattern)
    if source == SourceName.YOLO:
        return yolo.find(where, group_pattern)
    if source == SourceName.VOC:
        return voc.find(where, group_pattern)
    if source == SourceName.COCO:
        return coco.find(where, annotations or where, group_pattern)
    if source == SourceName.PBC:
        return pbc.find(where, classes, protocol)
    if source == SourceName.KAGGLE_BCCD:
        return kaggle_bccd.find(where, classes, simple=protocol == Protocol.POSTER)
    others = {
        SourceName.BCCD: bccd.find,
        SourceName.JTSC: jtsc.find,
        SourceName.AUGMENTED: augmented.find,
        SourceName.SYNTHETIC: synthetic.find,
    }
    return others[source](where, classes)


def _entries(
    cells: Sequence[Cell], protocol: Protocol, seed: int, fractions: tuple[float, float, float]
) -> tuple[Entry, ...]:
    """Assign every cell to a split by the protocol."""
    if protocol in (Protocol.PUBLISHED, Protocol.PUBLISHED8):
        sides = [Split(cell.split or "") for cell in cells]
    elif protocol == Protocol.EXTERNAL:
        sides = [Split.TEST] * len(cells)
    elif protocol == Protocol.POSTER:
        by_path = protocols.poster([cell.path for cell in cells], seed, fractions)
        sides = [by_path[cell.path] for cell in cells]
    elif protocol == Protocol.OFFICIAL:
        by_group = protocols.official([(cell.group, cell.label, cell.split or "") for cell in cells], seed, fractions)
        sides = [by_group[cell.group] for cell in cells]
    else:
        by_group = protocols.grouped([(cell.group, cell.label) for cell in cells], seed, fractions)
        sides = [by_group[cell.group] for cell in cells]
    return tuple(
        Entry(cell.path, cell.label, cell.group, side, cell.sha256, cell.box)
        for cell, side in zip(cells, sides, strict=True)
    )
