"""Build, save and load networks: `model.safetensors` beside `model.json`. No pickle is ever read."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from edgewbc.errors import UserError
from edgewbc.files import whole
from edgewbc.nets.spec import ModelSpec
from edgewbc.nets.vgg import VGG16GAP, VGG16Flatten

WEIGHTS = "model.safetensors"
SPEC = "model.json"


def build(spec: ModelSpec) -> nn.Module:
    """A network with fresh weights (drawn from torch's generator)."""
    if spec.arch == "vgg16gap":
        return VGG16GAP(len(spec.classes), spec.channels, spec.head, spec.dropout)
    return VGG16Flatten(
        len(spec.classes), spec.channels, spec.head, spec.dropout, spec.pixels.height, spec.pixels.width
    )


def save(folder: Path, net: nn.Module, spec: ModelSpec, dtype: torch.dtype = torch.float32) -> None:
    """Write `model.safetensors` and `model.json`, each whole or not at all."""
    tensors = {name: value.detach().to("cpu", dtype).contiguous() for name, value in net.state_dict().items()}
    with whole(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})
    spec.write(folder / SPEC)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, as float32. Raises UserError if it cannot be read."""
    try:
        return {name: value.float() for name, value in load_file(path).items()}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; it should hold weights as safetensors") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable safetensors file: {error}") from None


def load(folder: Path) -> tuple[nn.Module, ModelSpec]:
    """The network of a run folder, in evaluation mode, float32, on the CPU.

    Raises:
        UserError: a file is missing, or the weights do not fit the architecture.
    """
    spec = ModelSpec.read(folder / SPEC)
    net = build(spec)
    try:
        net.load_state_dict(read_tensors(folder / WEIGHTS))
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise UserError(f"{folder / WEIGHTS}: does not fit {folder / SPEC}: {first}") from None
    return net.eval(), spec


def load_base(net: nn.Module, path: Path) -> None:
    """Fill the convolutional base from a file with torchvision's VGG key names (`features.0.weight` or `0.weight`).

    Raises:
        UserError: the file does not hold the weights of this base.
    """
    tensors = {name.removeprefix("features."): value for name, value in read_tensors(path).items()}
    features = net.get_submodule("features")
    wanted = features.state_dict()
    missing = [name for name in wanted if name not in tensors or tensors[name].shape != wanted[name].shape]
    if missing:
        raise UserError(f"{path}: no fitting weights for {missing[0]} (and {len(missing) - 1} more) of the base")
    features.load_state_dict({name: tensors[name] for name in wanted})


def load_imagenet_base(net: nn.Module) -> None:
    """Fill the base with VGG16's ImageNet weights: of the file that EDGEWBC_WEIGHTS names, else torchvision's
    VGG16_Weights.IMAGENET1K_FEATURES, which are downloaded at need.

    Raises:
        UserError: they cannot be had (no network).
    """
    if file := os.environ.get("EDGEWBC_WEIGHTS"):
        load_base(net, Path(file))
        return
    from torchvision.models import VGG16_Weights

    try:
        tensors = VGG16_Weights.IMAGENET1K_FEATURES.get_state_dict(progress=True, check_hash=True)
    except OSError as error:
        raise UserError(
            f"the ImageNet weights cannot be downloaded ({error}): give a file with --weights FILE.safetensors "
            "(or name it in EDGEWBC_WEIGHTS), or train from random weights with --weights none"
        ) from None
    wanted = net.get_submodule("features")
    wanted.load_state_dict({k.removeprefix("features."): v for k, v in tensors.items() if k.startswith("features.")})


def count(net: nn.Module) -> int:
    """Number of trainable parameters, frozen ones included."""
    return sum(parameter.numel() for parameter in net.parameters())


def macs(spec: ModelSpec) -> int:
    """Multiply-adds of one picture through the convolutions and the dense layers."""
    height, width, before, total = spec.pixels.height, spec.pixels.width, 3, 0
    for item in spec.channels:
        if item == "M":
            height, width = height // 2, width // 2
        else:
            total += height * width * 9 * before * int(item)
            before = int(item)
    pooled = before * (height * width if spec.arch == "vgg16flatten" else 1)
    widths = (pooled, *spec.head, len(spec.classes))
    return total + sum(a * b for a, b in zip(widths, widths[1:], strict=False))
