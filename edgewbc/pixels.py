"""The pixel pipeline: crop and resize of an image for the network. Normalization is part of the graph
(`nets.export_wrapper`) and uses the mean and standard deviation given here.

Training, evaluation, calibration, bench and classify all call `prepare` (or, for augmentation, `fit_map`, which
expresses the same crop and resize as one affine map), so that a model gives the same predictions wherever it runs. The
crop `cell` needs to know the cell and the microscope as well: `smear.prepare` calls these functions for all crops.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
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


Channels = tuple[float, float, float]
"""A number for each of red, green and blue."""


@dataclass(frozen=True)
class Reference:
    """The appearance that crops of kind `cell` are brought to: that of the images that the network was trained on.

    Attributes:
        nucleus: square root of the median nuclear area of white cells, in pixels.
        background: color of the background, 0 to 255.
        density: optical density of the nuclei (see `smear.stain`).
    """

    nucleus: float
    background: Channels
    density: Channels

    def __post_init__(self) -> None:
        values = (self.nucleus, *self.background, *self.density)
        if len(self.background) != 3 or len(self.density) != 3 or not all(map(math.isfinite, values)):
            raise ValueError("a reference needs finite numbers: nucleus, background (3) and density (3)")
        if not 1 <= self.nucleus <= 10000 or not all(0 <= value <= 255 for value in self.background):
            raise ValueError("a reference needs a nucleus of at least a pixel and a background of 0 to 255")
        if not all(0.01 <= value <= 10 for value in self.density):
            raise ValueError("the optical densities of a reference must be 0.01 to 10")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Reference:
        """Read what `to_json` wrote. Raises ValueError, TypeError or KeyError for anything else."""
        background, density = (tuple(float(value) for value in values[key]) for key in ("background", "density"))
        return cls(float(values["nucleus"]), background, density)  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return {"nucleus": self.nucleus, "background": list(self.background), "density": list(self.density)}


@dataclass(frozen=True)
class PixelSpec:
    """Crop, input size and normalization of a network.

    Attributes:
        height, width: of the network's input, in pixels.
        crop: `whole`, the entire image; `centre`, the central square of `size` pixels; `box`, a square of `scale`
            times the longer side of the cell's box, and the entire image where there is no box; or `cell`, a square
            around the nucleus of the cell, of `size` pixels of the reference, in the colors of the reference.
        size: side of the central square in pixels of the image (PBC: 250 of 363), where a smaller image is used
            entirely; or, for the crop `cell`, side of the square in pixels of the reference.
        scale: side of the square around a box, as a multiple of the box's longer side.
        mean, std: per channel (RGB), of values in 0..1; applied inside the graph.
        reference: appearance of the crop `cell`; None for the others.
    """

    height: int
    width: int
    crop: Literal["whole", "centre", "box", "cell"] = "whole"
    size: int = 0
    scale: float = 1.0
    mean: Channels = IMAGENET_CAFFE_MEAN
    std: Channels = IMAGENET_CAFFE_STD
    reference: Reference | None = None

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"input size {self.height} x {self.width}: both must be at least 1")
        if self.crop not in ("whole", "centre", "box", "cell"):
            raise ValueError(f"crop {self.crop!r}: use whole, centre, box or cell")
        if self.crop in ("centre", "cell") and self.size < 1:
            raise ValueError(f"crop {self.crop} needs a size in pixels")
        if self.crop == "box" and not self.scale > 0:
            raise ValueError("crop box needs a scale above 0")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError("mean and std need three numbers each, std above 0")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PixelSpec:
        """Return the spec for the output of `to_dict`. Raises ValueError or TypeError for anything else."""
        reference = values.get("reference")
        return cls(
            **{
                **values,
                "mean": tuple(values["mean"]),
                "std": tuple(values["std"]),
                "reference": None if reference is None else Reference.from_json(reference),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON values; the reference only where there is one."""
        values = asdict(self)
        del values["reference"]
        return values if self.reference is None else {**values, "reference": self.reference.to_json()}

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
    return cut(image, spec.rectangle(image.shape[0], image.shape[1], box), spec.height, spec.width)


def cut(image: Image, part: Box, height: int, width: int, fill: tuple[int, int, int] | None = None) -> Image:
    """Cut a part out of an image and resize it, in one resampling.

    Args:
        image: uint8 RGB (height, width, 3); never modified.
        part: whole pixels; it may extend beyond the image.
        height, width: of the result.
        fill: color beyond the edges of the image; None repeats the edge pixels.

    Returns:
        uint8, (height, width, 3).
    """
    left, top, wide, tall = (int(value) for value in part)
    over = (
        max(0, -top),
        max(0, top + tall - image.shape[0]),
        max(0, -left),
        max(0, left + wide - image.shape[1]),
    )
    if any(over):
        border = cv2.BORDER_REPLICATE if fill is None else cv2.BORDER_CONSTANT
        image = np.asarray(cv2.copyMakeBorder(image, *over, border, value=fill or (0, 0, 0)), dtype=np.uint8)
        left, top = left + over[2], top + over[0]
    found = image[top : top + tall, left : left + wide]
    if found.shape[:2] == (height, width):
        return found.copy()  # never a view of the caller's array
    if tall >= height and wide >= width:
        return _averaged(found, height, width)
    return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


_LONGEST_PERIOD = 25
"""Most pixels of a period for which `_averaged` computes by itself. Its sums are off by less than 5e-4, and OpenCV's
too. The exact mean is a multiple of 1 / 25**2 or more, and with an odd period never halfway between two levels, but at
least 8e-4 from that: so both round to the same level."""


def _averaged(image: Image, height: int, width: int) -> Image:
    """Reduce an image to the means of areas, as `cv2.resize` does with `INTER_AREA`, to the last bit.

    Where the pattern of weights repeats after a few pixels (250 to 80: after 25), two products of matrices give it in
    less than half of OpenCV's time, which computes area means of colors one by one.
    """
    rows, columns = _area_weights(image.shape[0], height, 1), _area_weights(image.shape[1], width, 3)
    if rows is None or columns is None:
        return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    # A product for each period of rows: for large ones, BLAS would start threads of its own.
    lines = image.astype(np.float32).reshape(-1, rows.shape[1], 3 * image.shape[1])
    narrow = np.matmul(rows, lines).reshape(len(lines), -1, columns.shape[1])
    found = np.matmul(narrow, columns.T.copy())
    return np.asarray(np.rint(found, out=found), dtype=np.uint8).reshape(height, width, 3)


@cache
def _area_weights(before: int, after: int, channels: int) -> NDArray[np.float32] | None:
    """Return the weights of a period's values in each of its new values; None if OpenCV is to compute them.

    Args:
        before, after: length of the image in pixels.
        channels: values of a pixel, which are not mixed.

    Returns:
        float32 (channels * new pixels, channels * old pixels).
    """
    old, new = before // math.gcd(before, after), after // math.gcd(before, after)
    if new == 1 or old % 2 == 0 or not new < old <= _LONGEST_PERIOD:  # whole factors are fast in OpenCV
        return None
    one, other = np.arange(new)[:, None] * old, np.arange(old) * new  # where pixels begin
    overlap = np.minimum(one + old, other + new) - np.maximum(one, other)
    return np.asarray(np.kron(np.maximum(overlap, 0) / old, np.eye(channels)), dtype=np.float32)


def fit_map(spec: PixelSpec, part: Box) -> NDArray[np.float64]:
    """Return the crop and resize of a part of an image as a 2 x 3 affine map from its pixel centers to the input's."""
    left, top, part_width, part_height = part
    sx, sy = spec.width / part_width, spec.height / part_height
    return np.array([[sx, 0, (0.5 - left) * sx - 0.5], [0, sy, (0.5 - top) * sy - 0.5]])
