"""A small study of travel: a tiny bundle, and synthetic cells in place of the public sets."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.travel import study
from edgewbc.cells import CLASSES
from edgewbc.data.manifest import Entry, Manifest, Protocol, Provenance, Split
from edgewbc.images.encode import encode
from edgewbc.pixels import PixelSpec
from edgewbc.synth.cells import draw_cell
from tests.tiny import make_bundle

DRAWN = CLASSES[:3]
COUNTS = {"pbc": 12, "jtsc": 14, "bccd": 13}


def make_set(folder: Path, name: str, count: int) -> Manifest:
    """Draw `count` test cells of three classes, one of a fourth, and a copy of the first."""
    folder.mkdir(parents=True)
    entries = []
    labels = [label for label in DRAWN for _ in range(count)] + [CLASSES[3]]
    for index, label in enumerate(labels):
        data = encode(draw_cell(label, np.random.default_rng([len(name), count, index]), 48), ".png")
        path = f"{index:03d}.png"
        (folder / path).write_bytes(data)
        entries.append(Entry(path, label, path, Split.TEST, hashlib.sha256(data).hexdigest()))
    entries.append(entries[0])
    return Manifest(folder, tuple(entries), CLASSES, Protocol.EXTERNAL, Provenance(name, 0))


@pytest.fixture(scope="session")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Manifest]:
    """The sets by name."""
    folder = tmp_path_factory.mktemp("sets")
    return {name: make_set(folder / name, name, count) for name, count in COUNTS.items()}


@pytest.fixture
def sets(manifests: dict[str, Manifest], monkeypatch: pytest.MonkeyPatch) -> dict[str, Manifest]:
    """The sets, in place of the public ones."""

    def make(source: str, folder: Path, *, protocol: str) -> Manifest:
        return manifests[source]

    monkeypatch.setattr(study, "make", make)
    return manifests


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle whose crop is of the center."""
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    data: dict[str, Any] = {"source": "pbc"}
    make_bundle(folder, spec=PixelSpec(16, 16, "centre", 40), review_below=0.3, data=data)
    return folder
