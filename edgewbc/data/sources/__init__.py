"""Where cells come from: every source ends in the same manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edgewbc._version import __version__
from edgewbc.cells import in_order
from edgewbc.data import splits as protocols
from edgewbc.data.manifest import Entry, Manifest, Provenance
from edgewbc.data.sources import augmented, bccd, folder, jtsc, kaggle_bccd, pbc, synthetic
from edgewbc.data.sources.scan import Cell, Found, grouped_by_content, hashed, need_folder
from edgewbc.errors import UserError

SOURCES: Final[dict[str, tuple[str, ...]]] = {
    "folder": ("grouped", "poster", "external"),
    "pbc": ("published", "grouped", "poster"),
    "bccd": ("grouped", "poster"),
    "kaggle-bccd": ("official", "grouped", "poster"),
    "jtsc": ("external",),
    "synthetic": ("grouped", "poster"),
    "augmented": ("grouped", "poster"),
}
"""Protocols of each source, its default first."""


def make(
    source: str,
    folder: Path,
    *,
    protocol: str | None = None,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    group_pattern: str | None = None,
    splits: tuple[float, float, float] = protocols.FRACTIONS,
) -> Manifest:
    """Make a manifest of a source's pictures.

    Args:
        source: one of `SOURCES`.
        folder: of the pictures; the manifest's root.
        protocol: one of the source's; its first by default.
        seed: of the split; with the pictures it determines the manifest.
        classes: class names to take, or all that the source has by default.
        group_pattern: of the source `folder`: regular expression whose first capture group, searched for in the
            relative path, names the group.
        splits: shares of train, val and test, for the protocols that draw the split (`official` draws validation).

    Raises:
        UserError: an unknown source or protocol, or something wrong with the folder; one line says what to mend.
    """
    protocol = protocol_of(source, protocol)
    if group_pattern is not None and source != "folder":
        raise UserError(f"--group-pattern is for the source folder; {source} knows its groups")
    protocols.check_fractions(splits)
    wanted = None if classes is None else in_order([name.strip().lower() for name in classes if name.strip()])
    if wanted == ():
        raise UserError("--classes is empty: name at least one class")
    need_folder(folder, f"the pictures of the source {source}")
    found = _find(source, folder, protocol, wanted, group_pattern)
    cells = grouped_by_content(hashed(folder, found.cells))
    if protocol != "published":
        cells.sort(key=lambda cell: (cell.path, cell.box or ()))
    provenance = Provenance(
        source=found.source or source,
        seed=seed,
        citation=found.citation,
        license=found.licence,
        left_out=dict(sorted(found.left_out.items())),
        splits=splits if protocol in ("official", "grouped", "poster") else None,
        edgewbc=__version__,
    )
    entries = _entries(cells, protocol, seed, splits)
    return Manifest(folder, entries, in_order({cell.label for cell in cells}), protocol, provenance)


def protocol_of(source: str, protocol: str | None = None) -> str:
    """The protocol by which a source is divided: its first where none is named.

    Raises:
        UserError: an unknown source, or a protocol that the source does not have.
    """
    if source not in SOURCES:
        raise UserError(f"source {source!r}: use one of {', '.join(SOURCES)}")
    protocol = protocol or SOURCES[source][0]
    if protocol not in SOURCES[source]:
        why = " (it is for evaluation only, never for training)" if source == "jtsc" else ""
        raise UserError(f"protocol {protocol!r}: source {source} has {', '.join(SOURCES[source])}{why}")
    return protocol


def _find(source: str, where: Path, protocol: str, classes: tuple[str, ...] | None, group_pattern: str | None) -> Found:
    if source == "folder":
        return folder.find(where, classes, group_pattern)
    if source == "pbc":
        return pbc.find(where, classes, published=protocol == "published")
    if source == "bccd":
        return bccd.find(where, classes)
    if source == "kaggle-bccd":
        return kaggle_bccd.find(where, classes, simple=protocol == "poster")
    if source == "jtsc":
        return jtsc.find(where, classes)
    if source == "augmented":
        return augmented.find(where, classes)
    return synthetic.find(where, classes)


def _entries(
    cells: Sequence[Cell], protocol: str, seed: int, fractions: tuple[float, float, float]
) -> tuple[Entry, ...]:
    if protocol == "published":
        sides = [cell.split or "" for cell in cells]
    elif protocol == "external":
        sides = ["test"] * len(cells)
    elif protocol == "poster":
        by_path = protocols.poster([cell.path for cell in cells], seed, fractions)
        sides = [by_path[cell.path] for cell in cells]
    elif protocol == "official":
        by_group = protocols.official([(cell.group, cell.label, cell.split or "") for cell in cells], seed, fractions)
        sides = [by_group[cell.group] for cell in cells]
    else:
        by_group = protocols.grouped([(cell.group, cell.label) for cell in cells], seed, fractions)
        sides = [by_group[cell.group] for cell in cells]
    return tuple(
        Entry(cell.path, cell.label, cell.group, side, cell.sha256, cell.box)
        for cell, side in zip(cells, sides, strict=True)
    )
