"""Cells of public sets as another laboratory's: their features in a bundle's network, for the studies of adaptation."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.travel.cells import ENOUGH, canonical, see
from edgewbc.bundle.bundle import Bundle
from edgewbc.cells import OTHER_CLASSES
from edgewbc.data import prepare
from edgewbc.data.manifest import Entry, Manifest, Protocol
from edgewbc.data.sources import make
from edgewbc.decision import shots
from edgewbc.decision.correction import Cells
from edgewbc.decision.head import Head
from edgewbc.decision.views import LabelFrom
from edgewbc.lab import adapt
from edgewbc.metrics import Spread
from edgewbc.pixels import Reference
from edgewbc.utils import resources
from edgewbc.utils.progress import Progress, quiet

SIZE = 250
"""Size of the crop `cell` in place of another one, in pixels of PBC's images."""


@dataclass(frozen=True, eq=False)
class LabCells:
    """Labeled cells of one set as the network of a bundle sees them.

    Attributes:
        bundle: name of the bundle.
        crop: that was used; `cell` for a bundle of another crop means that it was not trained so.
        set: name of the set.
        cells: features and labels; each image once.
        head: of the bundle.
        label_from: which views of a cell the bundle takes labels from.
        unfamiliar: share of the cells that are unfamiliar to the bundle.
    """

    bundle: str
    crop: str
    set: str
    cells: Cells
    head: Head
    label_from: LabelFrom = LabelFrom.UPRIGHT
    unfamiliar: float = 1.0

    @property
    def classes(self) -> NDArray[np.int64]:
        """The classes that count in a mean recall."""
        return np.flatnonzero(np.bincount(self.cells.labels) >= ENOUGH)

    @property
    def old_labels(self) -> NDArray[np.int64]:
        """The label that the bundle gives each cell, (n,)."""
        return shots.labels_of(self.head.logits(self.cells.judged), self.label_from)

    def about(self) -> dict[str, Any]:
        """Return what identifies the cells in a result."""
        return {"bundle": self.bundle, "crop": self.crop, "set": self.set, "n": len(self.cells)}


def manifests(data: Path, name: str, bundle: Bundle) -> tuple[Manifest, list[Entry]]:
    """Return the manifest of a set and its cells of the bundle's classes: of pbc the validation cells, or all."""
    if name == "pbc":
        eight = any(other in bundle.classes for other in OTHER_CLASSES)
        manifest = make("pbc", data / "pbc", protocol=Protocol.PUBLISHED8 if eight else Protocol.PUBLISHED)
        return manifest, [entry for entry in manifest.split("val") if entry.label in bundle.classes]
    manifest = make(name, data / name, protocol=Protocol.EXTERNAL)
    return manifest, [entry for entry in manifest.entries if entry.label in bundle.classes]


def arguments(prog: str, description: str, sets: str, out: Path, repeats: int) -> argparse.ArgumentParser:
    """Return the command line that the studies share: data, --bundle, --work, --out and --repeats."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("data", type=Path, help=f"folder of public sets ({sets})")
    parser.add_argument(
        "--bundle", type=Path, action="append", help="bundle; may be repeated (default: the shipped one)"
    )
    parser.add_argument("--work", type=Path, default=Path("runs/travel"), help="folder for features [runs/travel]")
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--repeats", type=int, default=repeats)
    return parser


def versions(paths: Sequence[Path] | None, data: Path) -> Iterator[Bundle]:
    """Yield each bundle (None: the shipped one) with its own crop and, if that is another one, with the crop `cell`."""
    for path in paths or [resources.shipped_bundle()]:
        bundle = Bundle.open(path)
        yield bundle
        if bundle.pixels.crop != "cell":
            yield canonical(bundle, _reference(data), SIZE)


def shown(spread: Spread) -> str:
    """Return mean and standard deviation in percent."""
    return f"{100 * spread.mean:.1f} +- {100 * spread.deviation:.1f}"


@cache
def _reference(data: Path) -> Reference:
    """Return the appearance of PBC's training images."""
    return prepare.profile(make("pbc", data / "pbc", protocol="published")).reference


def load(bundle: Bundle, data: Path, name: str, work: Path, progress: Progress = quiet) -> LabCells:
    """Return the cells of a set as a bundle's network sees them, from the work folder if they were computed before.

    Raises:
        UserError: the set is not there, or an image has changed.
    """
    seen = see(bundle, *manifests(data, name, bundle), work, progress=progress)
    cells = Cells(seen.features, seen.labels, np.arange(len(seen)), seen.others)
    unfamiliar = adapt.unfamiliar_share(bundle, seen.features[:, 0])
    head, label_from = adapt.old_head(bundle), bundle.manifest.label_from
    return LabCells(bundle.name, bundle.pixels.crop, name, cells, head, label_from, unfamiliar)
