"""What a network is, as data: `model.json` beside the weights. Torch-free, so that any room may read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgewbc.errors import UserError
from edgewbc.files import read_json, write_json
from edgewbc.pixels import PixelSpec

FORMAT = 1
ARCHITECTURES = ("vgg16gap", "vgg16flatten")
VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")
"""Channels of configuration D, unpruned."""


@dataclass(frozen=True)
class ModelSpec:
    """A network's architecture, classes and input.

    Attributes:
        arch: one of `ARCHITECTURES`.
        classes: names, in the order of the outputs.
        pixels: input size, crop rule and normalisation.
        channels: output channels of the convolutions, with "M" for each max pooling.
        head: widths of the hidden dense layers.
        dropout: between the dense layers, while training.
    """

    arch: str
    classes: tuple[str, ...]
    pixels: PixelSpec
    channels: tuple[int | str, ...]
    head: tuple[int, ...]
    dropout: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)

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
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelSpec:
        """Read back what `to_dict` gave. Raises KeyError, TypeError or ValueError for anything else."""
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']}; this edgewbc reads {FORMAT}")
        if values["arch"] not in ARCHITECTURES:
            raise ValueError(f"architecture {values['arch']!r}; known: {', '.join(ARCHITECTURES)}")
        return cls(
            arch=values["arch"],
            classes=tuple(str(name) for name in values["classes"]),
            pixels=PixelSpec.from_dict(values["pixels"]),
            channels=tuple(c if c == "M" else int(c) for c in values["channels"]),
            head=tuple(int(w) for w in values["head"]),
            dropout=float(values.get("dropout", 0.0)),
            notes=dict(values.get("notes", {})),
        )

    def write(self, path: Path) -> None:
        write_json(path, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> ModelSpec:
        """Raises UserError if the file is missing or is not a `model.json`."""
        values = read_json(path, "a model.json")
        try:
            return cls.from_dict(values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: not a model.json that this edgewbc reads: {error!r}") from None
