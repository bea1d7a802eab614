"""Cross-validation: several manifests of the same cells, in which every group is in test once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgewbc.data import splits
from edgewbc.data.manifest import Manifest, Protocol
from edgewbc.errors import UserError


def make(manifest: Manifest, count: int, seed: int = 0) -> list[Manifest]:
    """Return a manifest for each fold, with the protocol `grouped`; the split of `manifest` plays no role.

    Raises:
        UserError: there are fewer than two folds, the cells are only for evaluation, or a class has too few groups.
    """
    if count < 2:
        raise UserError(f"{count} folds: cross-validation needs at least 2")
    if manifest.provenance.source == "jtsc":
        raise UserError("the cells of the source jtsc are only for evaluation, never for training")
    parts = splits.folds([(entry.group, entry.label) for entry in manifest.entries], count, seed)
    made = []
    for number, sides in enumerate(parts, 1):
        entries = tuple(replace(entry, split=sides[entry.group]) for entry in manifest.entries)
        provenance = replace(manifest.provenance, seed=seed, splits=None, fold=f"{number} of {count}")
        made.append(replace(manifest, entries=entries, protocol=Protocol.GROUPED, provenance=provenance, folder=None))
    return made


def write(manifest: Manifest, count: int, to: Path, seed: int = 0) -> list[Path]:
    """Write `fold-1`, `fold-2`, ... into a folder and return their folders; writing the same folds again is allowed.

    Raises:
        UserError: a folder holds another manifest, or as `make` does.
    """
    written = []
    for number, fold in enumerate(make(manifest, count, seed), 1):
        fold.write(to / f"fold-{number}")
        written.append(to / f"fold-{number}")
    return written
