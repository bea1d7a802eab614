"""Describe a network layer by layer, for `edgewbc info`. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from edgewbc import runs
from edgewbc.bundle.bundle import Bundle
from edgewbc.cells import CLASSES
from edgewbc.errors import UserError
from edgewbc.nets import layers, model
from edgewbc.nets.layers import Layer
from edgewbc.nets.spec import ARCHITECTURES, ModelSpec, kind, library
from edgewbc.pixels import PixelSpec
from edgewbc.utils.json_values import plain

STOCK = "vgg16"
"""VGG16 as published (Simonyan and Zisserman 2015): 1000 ImageNet classes, Flatten, two dense layers of 4096."""
NAMES = (*ARCHITECTURES, STOCK)


def resolve(net: str, classes: int | None = None, size: tuple[int, int] | None = None) -> ModelSpec:
    """Return the specification of a network given by name or by path.

    Args:
        net: an architecture (also `timm:NAME` or `torchvision:NAME`), a run folder, or a bundle (folder or zip).
        classes: number of outputs of an architecture; None means 1000 for the stock VGG16, else the five cell types.
        size: height and width of the input in pixels; None means 224 x 224, or that of the run or bundle.

    Raises:
        UserError: `net` is none of these, or `classes` differs from that of the run or bundle.
    """
    if net in NAMES or library(net) is not None:
        count = classes or (1000 if net == STOCK else len(CLASSES))
        its = kind("vgg16flatten" if net == STOCK else net)
        return ModelSpec(
            "vgg16flatten" if net == STOCK else net,
            CLASSES if count == len(CLASSES) else tuple(str(number) for number in range(count)),
            PixelSpec(*(size or (224, 224))),
            its.channels,
            (4096, 4096) if net == STOCK else its.head,
            form=its.forms[0],
        )
    path = Path(net)
    if not path.exists():
        raise UserError(f"{net}: neither a run, a bundle, nor one of {', '.join(NAMES)}, timm:NAME, torchvision:NAME")
    spec = runs.spec(path) if runs.is_run(path) else from_bundle(path)
    if classes not in (None, len(spec.classes)):
        raise UserError(f"{net}: has {len(spec.classes)} classes; --classes is for the name of an architecture")
    if size is None:
        return spec
    return replace(spec, pixels=replace(spec.pixels, height=size[0], width=size[1]))


def from_bundle(path: Path) -> ModelSpec:
    """Return the specification of a bundle's network from its manifest. Raises UserError if that is incomplete."""
    manifest = Bundle.open(path).manifest.to_json()
    try:
        return ModelSpec.from_dict({**manifest, "format": 1, "head": manifest["head_widths"], "notes": {}})
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: its manifest does not describe the network: {error!r}") from None


def net_and_size(spec: ModelSpec) -> str:
    """Return the network and its input size as text: `vgg16gap at 112 x 112`."""
    return f"{spec.arch} at {spec.pixels.height} x {spec.pixels.width}"


@dataclass(frozen=True)
class NetworkInfo:
    """The layers of a network, with totals.

    Attributes:
        spec: the network.
        layers: in order; outputs are without the batch axis.
    """

    spec: ModelSpec
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable(self) -> int:
        """Number of parameters that are not frozen."""
        return sum(layer.trainable for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-adds for one image."""
        return sum(layer.macs for layer in self.layers)

    @property
    def parts(self) -> dict[str, int]:
        """Number of parameters of `features` and `head`."""
        return {
            part: sum(layer.parameters for layer in self.layers if layer.name.startswith(part))
            for part in ("features", "head")
        }

    def to_json(self) -> dict[str, Any]:
        """Return network, layers, totals and parts as JSON values."""
        spec = self.spec
        return {
            "arch": spec.arch,
            "form": spec.form,
            "classes": len(spec.classes),
            "height": spec.pixels.height,
            "width": spec.pixels.width,
            "channels": list(spec.channels),
            "head": list(spec.head),
            "layers": plain(self.layers),
            "parameters": self.parameters,
            "trainable": self.trainable,
            "macs": self.macs,
            "parts": self.parts,
        }


def info(spec: ModelSpec, frozen: int = 0) -> NetworkInfo:
    """Return the layers and totals of a network.

    Args:
        spec: the network.
        frozen: number of blocks that training leaves unchanged, from the first.

    Raises:
        UserError: the input is too small for the network.
    """
    with torch.device("meta"):
        net = model.build(spec)
    end = ([0, *net.ends()])[min(frozen, len(net.ends()))]
    for part in list(net.features)[:end]:
        part.requires_grad_(False)
    try:
        found = layers.layers(net, spec.pixels.height, spec.pixels.width)
    except ValueError as error:
        raise UserError(f"{net_and_size(spec)}: {error}") from None
    if min(min(layer.output) for layer in found) < 1:
        raise UserError(f"{net_and_size(spec)}: so small an input leaves an empty map")
    return NetworkInfo(spec, tuple(found))
