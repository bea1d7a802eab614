"""What a network sees in each labelled cell, as one row of numbers; and whether it was taught by these very labels.

The maps at the end of the last three blocks, averaged over space: the last one holds what the network was taught, those
before it what else there is to see. Out of fold, a linear head on them answers 85.8 % of BCCD as labelled (VGG16-GAP,
trained on PBC), on the last two 83.2, on the last one 77.5; of PBC (ImageNet's) 99.0 on three and 98.2 on two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgewbc import runs
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.nets.spec import VGG16, ModelSpec
from edgewbc.pixels import PixelSpec
from edgewbc.utils.optional import need
from edgewbc.utils.progress import Progress, quiet

IMAGENET: Final = "imagenet"
"""Names VGG16's convolutions as ImageNet left them: no label of ours is in them."""

BLOCKS: Final = 3  # at whose ends the maps are taken, counted from the last
SIZE: Final = 112  # of the input, in pixels, for a network that comes with none
SCALE: Final = 1.3  # of the square around a box, in its longer sides, for a network that comes with none
CENTRES: Final = {"pbc": 250}  # of 363 pixels: the cell and a little around it (README, Tsutsui et al. 2023)
FAMILIES: Final = (frozenset({"bccd", "kaggle-bccd", "augmented"}),)
"""Sources that hold the same cells: a manifest's hash alone would not tell."""
SAME: Final = "the network was trained on this manifest"
ANYTHING: Final = frozenset({"folder", "augmented"})  # sources whose name does not say which pictures they are


@dataclass(frozen=True)
class Taught:
    """Whether a network's weights saw the labels of a manifest: `no`, `yes` or `unknown`; and why one thinks so."""

    answer: str
    reason: str


@dataclass(frozen=True)
class Source:
    """A network to take features of.

    Attributes:
        name: of the run's folder, or `imagenet`.
        spec: architecture, and how a picture meets it.
        run: its folder; None for `imagenet`.
        taught: whether it saw the labels of the manifest at hand.
    """

    name: str
    spec: ModelSpec
    run: Path | None
    taught: Taught


def source(name: str | Path, manifest: Manifest, centre: int | None = None, scale: float | None = None) -> Source:
    """The network that is named, and how it is to look at the cells of a manifest.

    Cells with a box are cropped around it. Others are cropped as the network was trained, or by `centre`; ImageNet's
    take the central square that is usual for the source, or the whole picture.

    Args:
        name: a run folder, or `imagenet`.
        centre: side of the central square, in pixels of the picture.
        scale: side of the square around a box, in its longer sides.

    Raises:
        UserError: it is not a run folder.
    """
    if str(name) == IMAGENET:
        spec = ModelSpec("vgg16gap", manifest.classes, PixelSpec(SIZE, SIZE, scale=SCALE), VGG16, ())
        run, taught = None, Taught("no", "ImageNet's weights saw no label of a cell")
        centre = centre or CENTRES.get(str(manifest.provenance.source))
    else:
        run = Path(name)
        if not runs.is_run(run):
            raise UserError(f"{run}: no run folder (model.json and model.safetensors): name one, or {IMAGENET}")
        spec, taught = runs.spec(run), taught_by(runs.lineage(run), manifest)
    pixels = spec.pixels
    if any(entry.box is not None for entry in manifest.entries):
        # The default of `scale` stands in a network that never saw a box; a deliberate one is kept.
        pixels = replace(pixels, crop="box", scale=scale or (pixels.scale if pixels.crop == "box" else SCALE))
    elif centre:
        pixels = replace(pixels, crop="centre", size=centre)
    elif pixels.crop == "box":
        pixels = replace(pixels, crop="whole")
    return Source(IMAGENET if run is None else run.resolve().name, replace(spec, pixels=pixels), run, taught)


def taught_by(lineage: dict[str, Any], manifest: Manifest) -> Taught:
    """Whether a network of this lineage was trained on the labels of a manifest.

    A lineage names the manifests by hash and source. The same hash is a yes, and so is the same source, of whatever
    split or protocol: one side of it may not have been trained on, but which one is not known here. Some sources do
    not say which pictures they are: two of those may be the same.
    """
    hashes, sources = set(_values(lineage, "manifest_sha256")), set(_values(lineage, "source"))
    mine = str(manifest.provenance.source)
    if not sources:
        same = manifest.sha256 in hashes
        return Taught("yes", SAME) if same else Taught("unknown", "it is not recorded what the network was trained on")
    if manifest.sha256 in hashes:
        return Taught("yes", SAME)
    alike = {mine}.union(*(family for family in FAMILIES if mine in family)) & sources
    if alike - ANYTHING and mine not in ANYTHING:
        return Taught("yes", f"the network was trained on pictures of {', '.join(sorted(alike))}")
    if alike or sources & ANYTHING:
        return Taught("unknown", "the network was trained on another manifest, perhaps of the same pictures")
    return Taught("no", f"the network was trained on {', '.join(sorted(sources))}")


def _values(record: Any, key: str) -> Iterator[str]:
    """All strings under `key` at any depth of a JSON value: ancestors and teachers have theirs further down."""
    if isinstance(record, dict):
        for name, value in record.items():
            if name == key and isinstance(value, str):
                yield value
            else:
                yield from _values(value, key)
    elif isinstance(record, list):
        for value in record:
            yield from _values(value, key)


def extract(
    found: Source,
    manifest: Manifest,
    entries: Sequence[Entry],
    batch: int = 32,
    progress: Progress = quiet,
) -> NDArray[np.float32]:
    """The features of each entry's cell, (n, d): means over space of the last maps of the last blocks, in their order.

    Computed on a GPU where there is one; in bfloat16 where the hardware multiplies it, else in float32.

    Raises:
        UserError: torch is missing, the weights cannot be had, or a picture cannot be read or has changed.
    """
    for module in ("torch", "safetensors"):
        need(module, "edgewbc data audit --labels")
    import torch

    from edgewbc.nets import model
    from edgewbc.nets.export_wrapper import Deployed

    if found.run is None:
        net = model.build(found.spec)
        model.load_imagenet_base(net)
    else:
        net = model.load(found.run)[0]
    cuda = torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    half = torch.cuda.is_bf16_supported() if cuda else torch.ops.mkldnn._is_mkldnn_bf16_supported()
    deployed = Deployed(net, found.spec.pixels).eval().to(device).to(memory_format=torch.channels_last)
    parts = list(net.features.children())
    taken = set(net.ends()[-BLOCKS:])
    rows = []
    steps = progress(images.batches(manifest, entries, found.spec.pixels, batch), "cells", -(-len(entries) // batch))
    for prepared in steps:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bool(half)):
            maps = deployed.normalise(torch.from_numpy(prepared).to(device))
            kept = []
            for number, part in enumerate(parts, 1):
                maps = part(maps)
                if number in taken:
                    kept.append(maps.float().mean((2, 3)))
            rows.append(torch.cat(kept, 1).cpu().numpy())
    return np.concatenate(rows)
