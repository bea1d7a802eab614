"""The pixel pipeline: crop and resize of an image for the network. Normalization is part of the graph
(`nets.export_wrapper`) and uses the mean and standard deviation given here.

Training, evaluation, calibration, bench and classify all call `prepare` (or, for augmentation, `fit_map`, which
expresses the same crop and resize as one affine map), so that a model gives the same predictions wherever it runs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""RGB image, uint8, (height, width, 3)."""

Box = tuple[float, float, float, float]
"""Left, top, width, height in pixels of the decoded image."""

IMAGENET_CAFFE_MEAN = (0.48235, 0.45882, 0.40784)
IMAGENET_CAFFE_STD = (1 / 255, 1 / 255, 1 / 255)
"""Normalization of RGB values in 0..1 for the original VGG16 weights (torchvision's IMAGENET1K_FEATURES)."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""The usual ImageNet normalization of RGB values in 0..1, for networks that start from random weights."""


@dataclass(frozen=True)
class PixelSpec:
    """Crop, input size and normalization of a network.

    Attributes:
        height, width: of the network's input, in pixels.
        crop: `whole`, the entire image; `centre`, the central square of `size` pixels; or `box`, a square of `scale`
            times the longer side of the cell's box, and the entire image where there is no box.
        size: side of the central square in pixels of the image (PBC: 250 of 363). A smaller image is used entirely.
        scale: side of the square around a box, as a multiple of the box's longer side.
        mean, std: per channel (RGB), of values in 0..1; applied inside the graph.
    """

    height: int
    width: int
    crop: Literal["whole", "centre", "box"] = "whole"
    size: int = 0
    scale: float = 1.0
    mean: tuple[float, float, float] = IMAGENET_CAFFE_MEAN
    std: tuple[float, float, float] = IMAGENET_CAFFE_STD

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"input size {self.height} x {self.width}: both must be at least 1")
        if self.crop not in ("whole", "centre", "box"):
            raise ValueError(f"crop {self.crop!r}: use whole, centre or box")
        if self.crop == "centre" and self.size < 1:
            raise ValueError("crop centre needs a size in pixels")
        if self.crop == "box" and not self.scale > 0:
            raise ValueError("crop box needs a scale above 0")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError("mean and std need three numbers each, std above 0")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PixelSpec:
        """Return the spec for the output of `to_dict`. Raises ValueError or TypeError for anything else."""
        return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return asdict(self)

    def rectangle(self, height: int, width: int, box: Box | None = None) -> Box:
        """Return the part of an image of this size that the network sees; it may extend beyond the edges."""
        if self.crop == "centre" and self.size <= min(height, width):
            return ((width - self.size) // 2, (height - self.size) // 2, self.size, self.size)
        if self.crop == "box" and box is not None:
            left, top, box_width, box_height = box
            side = max(1, round(self.scale * max(box_width, box_height)))
            return (round(left + box_width / 2 - side / 2), round(top + box_height / 2 - side / 2), side, side)
        return (0, 0, width, height)


def prepare(image: Image, spec: PixelSpec, box: Box | None = None) -> Image:
    """Crop and resize a decoded image to the network's input, in one resampling.

    Downscaling averages over areas, to avoid aliasing; upscaling is bilinear. Where a box extends beyond the image, the
    edge pixels are repeated.

    Args:
        image: uint8 RGB (height, width, 3); never modified.
        spec: crop and input size.
        box: of the cell, for the crop `box`.

    Returns:
        uint8, (spec.height, spec.width, 3).
    """
    left, top, width, height = (int(v) for v in spec.rectangle(image.shape[0], image.shape[1], box))
    tall, wide = image.shape[:2]
    over = (max(0, -top), max(0, top + height - tall), max(0, -left), max(0, left + width - wide))
    if any(over):
        image = np.asarray(cv2.copyMakeBorder(image, *over, cv2.BORDER_REPLICATE), dtype=np.uint8)
        left, top = left + over[2], top + over[0]
    part = image[top : top + height, left : left + width]
    if part.shape[:2] == (spec.height, spec.width):
        return part.copy()  # never a view of the caller's array
    shrinks = part.shape[0] >= spec.height and part.shape[1] >= spec.width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (spec.width, spec.height), interpolation=how), dtype=np.uint8)


def fit_map(spec: PixelSpec, height: int, width: int, box: Box | None = None) -> NDArray[np.float64]:
    """Return the crop and resize of `prepare` as a 2 x 3 affine map from pixel centers of the image to the input's."""
    left, top, part_width, part_height = spec.rectangle(height, width, box)
    sx, sy = spec.width / part_width, spec.height / part_height
    return np.array([[sx, 0, (0.5 - left) * sx - 0.5], [0, sy, (0.5 - top) * sy - 0.5]])
