"""Build, save and load networks: `model.safetensors` beside `model.json`. No pickle is ever read."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from edgewbc.errors import UserError
from edgewbc.nets import foreign_weights, layers, library_weights
from edgewbc.nets.edgenet import EdgeNet
from edgewbc.nets.efficientnet_lite import EfficientNetLite0
from edgewbc.nets.library_network import LibraryNetwork
from edgewbc.nets.network import Network
from edgewbc.nets.spec import PLAIN, ModelSpec, library
from edgewbc.nets.spec import SPEC as SPEC
from edgewbc.nets.spec import WEIGHTS as WEIGHTS
from edgewbc.nets.vgg import VGG16GAP, VGG16Flatten
from edgewbc.nets.weights_kind import check_kind
from edgewbc.utils.files import atomic_write


def build(spec: ModelSpec) -> Network:
    """Build a network with random weights from torch's generator.

    Raises:
        UserError: a network of a library is not known there, or does not take this input size.
    """
    height, width = spec.pixels.height, spec.pixels.width
    if library(spec.arch) is not None:
        return LibraryNetwork(
            len(spec.classes), spec.arch, height, width, spec.channels, spec.head, spec.dropout
        )  # fmt: skip
    sizes = (len(spec.classes), spec.channels, spec.head, spec.dropout)
    if spec.arch == "vgg16gap":
        return VGG16GAP(*sizes)
    if spec.arch == "vgg16flatten":
        return VGG16Flatten(*sizes, height, width)
    return (EfficientNetLite0 if spec.arch == "efficientnet-lite0" else EdgeNet)(*sizes, spec.form)


def fold(net: Network, spec: ModelSpec) -> tuple[Network, ModelSpec]:
    """Return an equivalent network in the form `plain`, with batch norm and branches folded into the convolutions."""
    return (net, spec) if spec.form == PLAIN else (net.folded(), replace(spec, form=PLAIN))


def save(folder: Path, net: nn.Module, spec: ModelSpec, dtype: torch.dtype = torch.float32) -> None:
    """Write `model.safetensors` and `model.json`, atomically.

    Batch norm's batch counters are left out: they do not affect predictions, and float16 could not hold them.

    Raises:
        UserError: the weights cannot be written.
    """
    tensors = {
        name: value.detach().to("cpu", dtype).contiguous()
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    try:
        with atomic_write(folder / WEIGHTS) as temporary:
            save_file(tensors, temporary, metadata={"format": "pt"})
    except SafetensorError as error:  # an error of the operating system, such as a full disk
        raise UserError(f"{folder / WEIGHTS}: the weights cannot be written: {error}") from None
    spec.write(folder / SPEC)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file as float32. Raises UserError if it cannot be read."""
    check_kind(path)
    try:
        return {name: value.float() for name, value in load_file(path).items()}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; it should hold weights as safetensors") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable safetensors file: {error}") from None


def load(folder: Path) -> tuple[Network, ModelSpec]:
    """Load the network of a run folder, in evaluation mode, as float32 on the CPU.

    Raises:
        UserError: a file is missing, or the weights do not fit the architecture.
    """
    spec = ModelSpec.read(folder / SPEC)
    try:
        net = build(spec)
    except (ValueError, IndexError) as error:
        raise UserError(f"{folder / SPEC}: describes no {spec.arch}: {error}") from None
    try:
        net.load_state_dict(read_tensors(folder / WEIGHTS))
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise UserError(f"{folder / WEIGHTS}: does not fit {folder / SPEC}: {first}") from None
    net.eval()
    return net, spec


def load_base(net: nn.Module, path: Path) -> None:
    """Fill the convolutional base from a file of its weights, by keys such as `features.0.weight` or `0.weight`.

    The file is safetensors, or one of the formats of `foreign_weights`. A network of a library also takes the library's
    own names.

    Raises:
        UserError: the file does not hold the weights of this base.
    """
    read = foreign_weights.read(path) if foreign_weights.accepted(path) else read_tensors(path)
    if isinstance(net, LibraryNetwork):
        library_weights.fill(net, read, str(path))
        return
    tensors = {name.removeprefix("features."): value for name, value in read.items()}
    features = net.get_submodule("features")
    wanted = {name: value for name, value in features.state_dict().items() if not name.endswith("num_batches_tracked")}
    missing = [name for name in wanted if name not in tensors or tensors[name].shape != wanted[name].shape]
    if missing:
        raise UserError(f"{path}: no fitting weights for {missing[0]} (and {len(missing) - 1} more) of the base")
    features.load_state_dict({name: tensors[name] for name in wanted})


def load_imagenet_base(net: nn.Module) -> None:
    """Load ImageNet weights into the convolutional base.

    VGG16 uses the file named by EDGEWBC_WEIGHTS or else torchvision's VGG16_Weights.IMAGENET1K_FEATURES, which is
    downloaded and cached. EfficientNet-Lite0 uses the weights of a package (see `efficientnet_lite_weights`). A network
    of a library uses the weights that the library publishes, which are downloaded and cached.

    Raises:
        UserError: the weights cannot be downloaded, the package is not installed, or they do not fit the network.
    """
    if isinstance(net, LibraryNetwork):
        library_weights.fill(net, library_weights.download(net.arch), f"{net.arch}: published weights")
        return
    if isinstance(net, EfficientNetLite0):
        from edgewbc.nets.efficientnet_lite_weights import imagenet_base

        wanted = imagenet_base()
        fitting = net.features.state_dict()
        if any(value.shape != fitting[name].shape for name, value in wanted.items()):
            raise UserError("the ImageNet weights are of the whole network: set model.width to 1")
        net.features.load_state_dict(wanted)
        return
    if isinstance(net, EdgeNet):
        raise UserError("edgenet has no ImageNet weights: train it from random ones with --weights none")
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
    wanted = {k.removeprefix("features."): v for k, v in tensors.items() if k.startswith("features.")}
    net.get_submodule("features").load_state_dict(wanted)


def count(net: nn.Module) -> int:
    """Return the number of parameters, including frozen ones."""
    return sum(parameter.numel() for parameter in net.parameters())


def describe(spec: ModelSpec) -> list[layers.Layer]:
    """Return the layers of the network that `spec` describes, without allocating its weights."""
    with torch.device("meta"):
        net = build(spec)
    return layers.layers(net, spec.pixels.height, spec.pixels.width)


def macs(spec: ModelSpec) -> int:
    """Return the multiply-adds for one image in the convolutions and dense layers, with branches folded."""
    return sum(layer.macs for layer in describe(replace(spec, form=PLAIN)))
