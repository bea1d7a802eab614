"""Features of labeled cells from a network, and whether that network was trained on the same labels.

The features are the spatial means of the feature maps at the end of the last three blocks. The last block is specific
to the training task, earlier ones are more general: out of fold, a linear classifier on three blocks reproduces 85.8 %
of BCCD's labels (VGG16-GAP trained on PBC), on the last two 83.2 %, on the last one 77.5 %; of PBC's labels (ImageNet
weights) 99.0 % on three and 98.2 % on two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgewbc import runs
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.lineage import Lineage
from edgewbc.nets.spec import VGG16, ModelSpec
from edgewbc.pixels import PixelSpec
from edgewbc.utils.optional import need
from edgewbc.utils.progress import Progress, quiet

IMAGENET: Final = "imagenet"
"""Name of VGG16's convolutions with ImageNet weights, which were trained on no labels of cells."""

BLOCKS: Final = 3  # number of blocks, counted from the last
SIZE: Final = 112  # input height and width in pixels, for ImageNet weights
SCALE: Final = 1.3  # side of the square around a box, as a multiple of its longer side, if none is set
CENTERS: Final = {"pbc": 250}  # of 363 pixels: the cell with a margin (Tsutsui et al. 2023)
FAMILIES: Final = (frozenset({"bccd", "kaggle-bccd", "augmented"}),)
"""Sets of sources that hold the same cells under different manifest hashes."""
SAME_MANIFEST: Final = "the network was trained on this manifest"
ANYTHING: Final = frozenset({"folder", "augmented"})  # sources whose name does not identify the images


class SawLabels(StrEnum):
    """Whether a network was trained on the labels of a manifest."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class TrainingOverlap:
    """Whether a network was trained on the labels of a manifest, and how that is known."""

    saw_labels: SawLabels
    reason: str


@dataclass(frozen=True)
class FeatureNetwork:
    """A network to compute features with.

    Attributes:
        name: name of the run folder, or `imagenet`.
        spec: architecture and preprocessing.
        run: the run folder; None for `imagenet`.
        training: whether it was trained on the labels of the manifest.
    """

    name: str
    spec: ModelSpec
    run: Path | None
    training: TrainingOverlap


def network(
    name: str | Path, manifest: Manifest, center: int | None = None, scale: float | None = None
) -> FeatureNetwork:
    """Choose a network and its preprocessing for the cells of a manifest.

    Cells with a box are cropped around it. Others are cropped as in the network's training, or by `center`; for
    ImageNet weights, to the central square that is usual for the source, or not at all.

    Args:
        name: a run folder, or `imagenet`.
        manifest: the labeled cells.
        center: side of the central square, in pixels of the image.
        scale: side of the square around a box, as a multiple of its longer side.

    Raises:
        UserError: `name` is not a run folder.
    """
    if str(name) == IMAGENET:
        spec = ModelSpec("vgg16gap", manifest.classes, PixelSpec(SIZE, SIZE, scale=SCALE), VGG16, ())
        run = None
        training = TrainingOverlap(SawLabels.NO, "ImageNet weights were trained on no labels of cells")
        center = center or CENTERS.get(str(manifest.provenance.source))
    else:
        run = Path(name)
        if not runs.is_run(run):
            raise UserError(f"{run}: not a run folder (model.json and model.safetensors): name one, or {IMAGENET}")
        spec, training = runs.spec(run), training_overlap(runs.lineage(run), manifest)
    pixels = spec.pixels
    if any(entry.box is not None for entry in manifest.entries):
        # A scale is kept only if the network was trained with boxes; otherwise it is just a default.
        pixels = replace(pixels, crop="box", scale=scale or (pixels.scale if pixels.crop == "box" else SCALE))
    elif center:
        pixels = replace(pixels, crop="centre", size=center)
    elif pixels.crop == "box":
        pixels = replace(pixels, crop="whole")
    return FeatureNetwork(IMAGENET if run is None else run.resolve().name, replace(spec, pixels=pixels), run, training)


def training_overlap(lineage: Lineage, manifest: Manifest) -> TrainingOverlap:
    """Return whether a network with this lineage was trained on the labels of a manifest.

    A lineage names manifests by hash and source. The same hash means yes, and so does the same source with any split
    or protocol, because the lineage does not tell which split of it was used. Some source names do not identify the
    images, so two of those may be the same.
    """
    hashes, sources = _texts(lineage, "manifest_sha256"), _texts(lineage, "source")
    mine = str(manifest.provenance.source)
    if not sources:
        same = manifest.sha256 in hashes
        if same:
            return TrainingOverlap(SawLabels.YES, SAME_MANIFEST)
        return TrainingOverlap(SawLabels.UNKNOWN, "the run does not record what the network was trained on")
    if manifest.sha256 in hashes:
        return TrainingOverlap(SawLabels.YES, SAME_MANIFEST)
    alike = {mine}.union(*(family for family in FAMILIES if mine in family)) & sources
    if alike - ANYTHING and mine not in ANYTHING:
        return TrainingOverlap(SawLabels.YES, f"the network was trained on images of {', '.join(sorted(alike))}")
    if alike or sources & ANYTHING:
        return TrainingOverlap(
            SawLabels.UNKNOWN, "the network was trained on another manifest, perhaps of the same images"
        )
    return TrainingOverlap(SawLabels.NO, f"the network was trained on {', '.join(sorted(sources))}")


def _texts(lineage: Lineage, key: str) -> set[str]:
    """Return all strings under a key, those of ancestors and teachers too."""
    return {value for value in lineage.everywhere(key) if isinstance(value, str)}


def extract(
    network: FeatureNetwork,
    manifest: Manifest,
    entries: Sequence[Entry],
    batch: int = 32,
    progress: Progress = quiet,
) -> NDArray[np.float32]:
    """Compute the features of each entry's cell, float32 (n, d): spatial means of the last maps of the last blocks.

    Runs on a GPU if one is available; in bfloat16 if the hardware supports it, otherwise in float32.

    Raises:
        UserError: torch is not installed, the weights are not available, or an image cannot be read or has changed.
    """
    for module in ("torch", "safetensors"):
        need(module, "edgewbc data audit --labels")
    import torch

    from edgewbc.nets import model
    from edgewbc.nets.export_wrapper import Deployed

    if network.run is None:
        net = model.build(network.spec)
        model.load_imagenet_base(net)
    else:
        runs.verify(network.run)
        net = model.load(network.run)[0]
    cuda = torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    half = torch.cuda.is_bf16_supported() if cuda else torch.ops.mkldnn._is_mkldnn_bf16_supported()
    deployed = Deployed(net, network.spec.pixels).eval().to(device).to(memory_format=torch.channels_last)
    parts = list(net.features.children())
    taken = set(net.ends()[-BLOCKS:])
    rows = []
    steps = progress(images.batches(manifest, entries, network.spec.pixels, batch), "cells", -(-len(entries) // batch))
    for prepared in steps:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bool(half)):
            maps = deployed.normalize(torch.from_numpy(prepared).to(device))
            kept = []
            for number, part in enumerate(parts, 1):
                maps = part(maps)
                if number in taken:
                    kept.append(maps.float().mean((2, 3)))
            rows.append(torch.cat(kept, 1).cpu().numpy())
    return np.concatenate(rows)
