"""Labeled images and a tiny run folder for tests of eval and bench."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from edgewbc import cells, runs
from edgewbc.data.manifest import Entry, Manifest, Protocol, Provenance, Split
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from tests import tiny


def make_manifest(
    folder: Path,
    n: int = 10,
    classes: Sequence[str] = cells.CLASSES,
    split: Split = Split.TEST,
    source: str = "folder",
    protocol: Protocol = Protocol.GROUPED,
) -> Manifest:
    """Write `n` small images, with the classes in turn, and their manifest to `folder`."""
    entries = []
    (folder / "images").mkdir(parents=True)
    for index in range(n):
        data = tiny.encode(tiny.make_image(index))
        name = f"images/{index:03d}.png"
        (folder / name).write_bytes(data)
        label = classes[index % len(classes)]
        entries.append(Entry(name, label, f"g{index}", split, hashlib.sha256(data).hexdigest()))
    manifest = Manifest(folder, tuple(entries), tuple(classes), protocol, Provenance(source, 0))
    manifest.write(folder)
    return manifest


def make_run(folder: Path, classes: Sequence[str] = cells.CLASSES, size: tuple[int, int] = (32, 32)) -> ModelSpec:
    """Write a VGG16-GAP with 8 channels per layer and random weights as a finished run. Requires torch."""
    import torch

    from edgewbc.nets import model
    from edgewbc.nets.vgg import VGG16

    channels = tuple("M" if item == "M" else 8 for item in VGG16)
    spec = ModelSpec("vgg16gap", tuple(classes), PixelSpec(*size), channels, (10, 10))
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    model.save(folder, model.build(spec), spec)
    runs.write_lineage(folder, "train")
    return spec
