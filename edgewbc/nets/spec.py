"""Specification of a network, stored as `model.json` next to the weights. Does not import torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec
from edgewbc.utils.files import read_json, write_json

FORMAT = 1
WEIGHTS, SPEC = "model.safetensors", "model.json"
"""Files of a network in a folder."""
VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")
"""Channels of configuration D, unpruned."""
LITE0 = (32, 16, 96, 24, 144, 24, 144, 40, 240, 40, 240, 80, *(480, 80) * 2, 480, 112, *(672, 112) * 2, 672, 192,
         *(1152, 192) * 3, 1152, 320, 1280)  # fmt: skip
"""Channels of EfficientNet-Lite0, unpruned: stem, first block, (expanded, output) of each further block, last."""
LITE_MEAN, LITE_STD = (127 / 255,) * 3, (128 / 255,) * 3
"""Normalization that the ImageNet weights of EfficientNet-Lite0 expect: (v - 127) / 128 for RGB values 0 to 255."""
EDGENET = ("/", 16, "/", 32, 32, "/", 64, 64, "/", 128, 128)
"""Default channels of edgenet."""

PLAIN, NORMED, BRANCHED = "plain", "bn", "branches"


@dataclass(frozen=True)
class Kind:
    """Properties shared by all networks of an architecture.

    Attributes:
        channels: output channels of the unpruned network.
        marks: markers allowed between the channel counts (see `ModelSpec.channels`).
        head: default widths of the hidden dense layers.
        forms: supported forms; training uses the first one.
    """

    channels: tuple[int | str, ...]
    marks: tuple[str, ...]
    head: tuple[int, ...]
    forms: tuple[str, ...]


ARCHITECTURES = {
    "vgg16gap": Kind(VGG16, ("M",), (100, 100), (PLAIN,)),
    "vgg16flatten": Kind(VGG16, ("M",), (100, 100), (PLAIN,)),
    "efficientnet-lite0": Kind(LITE0, (), (), (NORMED, PLAIN)),
    "edgenet": Kind(EDGENET, ("/", "D", "M"), (), (BRANCHED, NORMED, PLAIN)),
}


LIBRARIES = ("timm", "torchvision")
"""Libraries whose networks are architectures of the form `LIBRARY:NAME`, such as `timm:resnet18`."""


def library(arch: str) -> tuple[str, str] | None:
    """Return library and name of an architecture of the form `LIBRARY:NAME`; None for one of `ARCHITECTURES`."""
    before, colon, name = arch.partition(":")
    return (before, name) if colon and name and before in LIBRARIES else None


def kind(arch: str) -> Kind:
    """Return the properties of an architecture.

    A network of a library has no channel counts until it is pruned, and no hidden dense layers of its own.

    Raises:
        ValueError: it is neither one of `ARCHITECTURES` nor of the form `LIBRARY:NAME`.
    """
    if library(arch) is not None:
        return Kind((), (), (), (PLAIN,))
    if arch not in ARCHITECTURES:
        raise ValueError(f"architecture {arch!r}; known: {', '.join(ARCHITECTURES)}, timm:NAME, torchvision:NAME")
    return ARCHITECTURES[arch]


@dataclass(frozen=True)
class ModelSpec:
    """A network's architecture, classes and input.

    Attributes:
        arch: one of `ARCHITECTURES`, or `timm:NAME` or `torchvision:NAME`.
        classes: names, in the order of the outputs.
        pixels: input size, crop rule and normalization.
        channels: output channels of the convolutions in order, with the architecture's markers: "M" is a 2 x 2 max
            pooling, "/" lets the next convolution halve height and width, "D" moves 2 x 2 pixels into channels. For
            a pruned network of a library the sizes of all parameters (see `library_network.sizes`); else empty.
        head: widths of the hidden dense layers.
        dropout: dropout rate between the dense layers during training.
        form: `plain` has convolutions with a bias and no batch norm; `bn` has batch norm after each convolution;
            `branches` also has parallel branches (edgenet). `model.fold` folds the last two into `plain`. Networks of
            libraries are `plain` whatever they consist of: the converters fold their batch norm.
    """

    arch: str
    classes: tuple[str, ...]
    pixels: PixelSpec
    channels: tuple[int | str, ...]
    head: tuple[int, ...]
    dropout: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)
    form: str = PLAIN

    def to_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "arch": self.arch,
            "classes": list(self.classes),
            "channels": list(self.channels),
            "head": list(self.head),
            "dropout": self.dropout,
            "pixels": self.pixels.to_dict(),
            "notes": self.notes,
            **({} if self.form == PLAIN else {"form": self.form}),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelSpec:
        """Read what `to_dict` returned. Raises KeyError, TypeError or ValueError for anything else."""
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']}; this edgewbc reads {FORMAT}")
        known = kind(str(values["arch"]))
        form = str(values.get("form", PLAIN))
        if form not in known.forms:
            raise ValueError(f"form {form!r}; {values['arch']} has {', '.join(known.forms)}")
        return cls(
            arch=values["arch"],
            classes=tuple(str(name) for name in values["classes"]),
            pixels=PixelSpec.from_dict(values["pixels"]),
            channels=tuple(c if c in known.marks else int(c) for c in values["channels"]),
            head=tuple(int(w) for w in values["head"]),
            dropout=float(values.get("dropout", 0.0)),
            notes=dict(values.get("notes", {})),
            form=form,
        )

    @property
    def reduction(self) -> int:
        """Factor by which the network reduces height and width; smaller inputs end in less than one position.

        1 for a network of a library, which is tried when it is built.
        """
        if self.arch == "efficientnet-lite0":
            return 32
        return int(2 ** sum(isinstance(item, str) for item in self.channels))

    @property
    def sha256(self) -> str:
        """SHA-256 of `to_dict` as JSON."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def write(self, path: Path) -> None:
        write_json(path, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> ModelSpec:
        """Read a `model.json`. Raises UserError if the file is missing or is not one."""
        values = read_json(path, "a model.json")
        try:
            return cls.from_dict(values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: not a model.json that this edgewbc reads: {error!r}") from None
