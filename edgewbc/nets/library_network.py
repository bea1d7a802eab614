"""Networks of timm and torchvision: their layers up to the last feature map, then our pooling and head.

The head of the library's network is replaced. The feature vector is always the mean over the last feature map, so that
class activation maps, familiarity and the adapting of a head work as for our own networks. Where a library normalizes
after pooling (ConvNeXt), the map is normalized before; where it reads a class token (ViT), the patch tokens are
averaged instead. timm is optional.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgewbc.errors import UserError
from edgewbc.nets.network import Network, dense, initialize
from edgewbc.nets.spec import library
from edgewbc.utils.optional import install_command, need

INSTALL: Final = install_command("timm")
_AFTER_THE_MAP: Final = ("avgpool", "classifier", "fc", "head", "heads", "flatten")
"""Names of the parts of torchvision's networks that follow the last feature map."""


class LibraryNetwork(Network):
    """Layers of a library's network -> global average pooling -> Dense K.

    Input: float32 (n, 3, h, w), normalized. Output: logits, (n, K). `features` has one layer, which counts as one
    block: it is trained or frozen as a whole.
    """

    def __init__(
        self,
        classes: int,
        arch: str,
        height: int,
        width: int,
        channels: Sequence[int | str] = (),
        head: Sequence[int] = (),
        dropout: float = 0.0,
    ) -> None:
        """Build the network with random weights, initialized as the library does.

        Args:
            classes: number of outputs.
            arch: `timm:NAME` or `torchvision:NAME`.
            height: of the input, in pixels; networks with position embeddings are built for one size.
            width: of the input, in pixels.
            channels: sizes of the parameters of a pruned network (see `sizes`); empty if it is not pruned.
            head: widths of the hidden dense layers.
            dropout: rate between the dense layers.

        Raises:
            UserError: the library or the network is not known, it has no map of features, or it does not take this
                input size.
        """
        super().__init__()
        self.arch = arch
        body = _body(arch, height, width)
        self._unpruned = sizes(body)
        if channels:
            try:
                resize(body, [int(size) for size in channels])
            except (StopIteration, RuntimeError, ValueError):
                raise UserError(f"{arch}: the sizes of its parameters do not fit the installed version of the library "
                                "(model.json was written with another one)") from None  # fmt: skip
        self.features = nn.Sequential(body)
        self.map_shape = _map_shape(body, arch, height, width)
        """Channels, height and width of the last feature map."""
        self.head = dense([self.map_shape[0], *head, classes], dropout)
        initialize(self.head)

    def ends(self) -> tuple[int, ...]:
        """Return the end of the only block."""
        return (1,)

    def channels(self) -> tuple[int | str, ...]:
        """Return the sizes of all parameters if the network is pruned, else ()."""
        found = sizes(self.features[0])
        return () if found == self._unpruned else found


class Body(nn.Module):
    """Layers of a library's network up to the last feature map.

    Input: float32 (n, 3, h, w), normalized. Output: the map, (n, c, h', w').

    Attributes:
        net: the library's network, with its own names of parameters, without what follows the map.
    """

    net: Any


class _TimmBody(Body):
    def __init__(self, name: str, height: int, width: int) -> None:
        super().__init__()
        timm: Any = need("timm", f"timm:{name}", INSTALL)
        check_name(name.partition(".")[0], timm.list_models(), "timm")
        self.net = create(timm, name, height, width)
        norm = getattr(getattr(self.net, "head", None), "norm", None)
        self._has_norm = isinstance(norm, nn.LayerNorm)  # LayerNorm2d, which normalizes the channels of each place
        self._layout: tuple[int, int] | str = "channels first"
        with torch.no_grad():
            found = self.net.eval().forward_features(torch.zeros(1, 3, height, width))
        if not isinstance(found, Tensor) or found.ndim not in (3, 4):
            raise ValueError("its last features are not a map")
        if found.ndim == 3:
            self._skip = int(getattr(self.net, "num_prefix_tokens", 0))
            grid = getattr(getattr(self.net, "patch_embed", None), "grid_size", None)
            if grid is None or found.shape[1] - self._skip != grid[0] * grid[1]:
                raise ValueError("its tokens are not the places of a map")
            self._layout = (int(grid[0]), int(grid[1]))
        elif found.shape[1] != self.net.num_features and found.shape[3] == self.net.num_features:
            self._layout = "channels last"
        _drop_unused(self, height, width)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.net.forward_features(x)
        if isinstance(self._layout, tuple):
            found = found[:, self._skip :].transpose(1, 2)
            return found.reshape(found.shape[0], found.shape[1], *self._layout)
        if self._layout == "channels last":
            found = found.permute(0, 3, 1, 2)
        normed: Tensor = self.net.head.norm(found) if self._has_norm else found
        return normed


def create(timm: Any, name: str, height: int, width: int) -> nn.Module:
    """Return timm's network without a head, with random weights, for an input size in pixels.

    A ViT is made without its class token, as the patch tokens are averaged, and for one input size.
    """
    config = timm.get_pretrained_cfg(name)
    options: dict[str, Any] = {"pretrained": False, "num_classes": 0, "global_pool": ""}
    if config is not None and config.fixed_input_size:
        options["img_size"] = (height, width)
    state = torch.get_rng_state()
    net: nn.Module = timm.create_model(name, **options)
    if type(net).__name__ == "VisionTransformer":
        torch.set_rng_state(state)
        net = timm.create_model(name, **options, class_token=False, dynamic_img_size=False)
    return net


class _TorchvisionBody(Body):
    def __init__(self, name: str) -> None:
        super().__init__()
        models: Any = need("torchvision", f"torchvision:{name}").models
        check_name(name, models.list_models(module=models), "torchvision")
        self.net = models.get_model(name, weights=None)
        names = [key for key, _ in self.net.named_children()]
        if any(key.lower().startswith("aux") for key in names) or "encoder" in names:
            raise ValueError("its last features are not a map: timm may have it in a form that is supported")
        end = next((place for place, key in enumerate(names) if key in _AFTER_THE_MAP), len(names))
        for key in names[end:]:
            delattr(self.net, key)
        self._relu = "DenseNet" in type(self.net).__name__  # applied by its forward method, not a layer

    def forward(self, x: Tensor) -> Tensor:
        for part in self.net.children():
            x = part(x)
        return torch.relu(x) if self._relu else x


def sizes(body: nn.Module) -> tuple[int, ...]:
    """Return the first two sizes of every parameter in order: pruning changes no others."""
    return tuple(size for parameter in _parameters(body) for size in parameter.shape[:2])


@torch.no_grad()
def resize(body: nn.Module, wanted: Sequence[int]) -> None:
    """Give the parameters of a network the sizes that `sizes` returned, in place; their values become zeros.

    Raises:
        StopIteration: there are too few sizes.
        ValueError: there are too many.
    """
    left = iter(wanted)
    for part in body.modules():
        depthwise = isinstance(part, nn.Conv2d) and part.groups == part.out_channels > 1
        for name, old in list(part.named_parameters(recurse=False)):
            shape = [next(left) for _ in old.shape[:2]] + list(old.shape[2:])
            setattr(part, name, nn.Parameter(old.new_zeros(shape)))
        if isinstance(part, nn.Conv2d):
            part.out_channels, inner = part.weight.shape[:2]
            part.groups = part.out_channels if depthwise else part.groups
            part.in_channels = inner * part.groups
        elif isinstance(part, nn.Linear):
            part.out_features, part.in_features = part.weight.shape
        elif isinstance(part, _BatchNorm):
            part.num_features = len(part.weight)
            for name in ("running_mean", "running_var"):
                setattr(part, name, getattr(part, name).new_ones(part.num_features))
        elif isinstance(part, nn.LayerNorm) and part.weight is not None:
            part.normalized_shape = tuple(part.weight.shape)
        elif isinstance(part, nn.GroupNorm):
            part.num_channels = len(part.weight)
    if next(left, None) is not None:
        raise ValueError("more sizes than parameters")


def _parameters(body: nn.Module) -> Iterator[nn.Parameter]:
    for part in body.modules():
        yield from part.parameters(recurse=False)


def _body(arch: str, height: int, width: int) -> Body:
    """Return the layers up to the map. Raises UserError as `LibraryNetwork`."""
    found = library(arch)
    if found is None:
        raise UserError(f"{arch}: not timm:NAME or torchvision:NAME")

    def build() -> Body:
        return _TimmBody(found[1], height, width) if found[0] == "timm" else _TorchvisionBody(found[1])

    try:
        try:
            return build()
        except NotImplementedError:  # some networks compute their sizes with tensors, which the meta device cannot
            with torch.device("cpu"):
                body = build()
            return body.to(torch.get_default_device())
    except (RuntimeError, ValueError, AssertionError, TypeError, KeyError) as error:
        raise UserError(f"{arch}: cannot be built for an input of {height} x {width} pixels: {_line(error)}") from None


@torch.no_grad()
def _map_shape(body: Body, arch: str, height: int, width: int) -> tuple[int, int, int]:
    """Return channels, height and width of the map. Raises UserError if there is none."""
    try:
        found = body.eval()(torch.zeros(1, 3, height, width))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise UserError(f"{arch}: cannot be run on an input of {height} x {width} pixels: {_line(error)}") from None
    if found.ndim != 4 or min(found.shape) < 1:
        raise UserError(f"{arch}: its last features are not a map for an input of {height} x {width} pixels")
    body.train()
    return int(found.shape[1]), int(found.shape[2]), int(found.shape[3])


@torch.no_grad()
def _drop_unused(body: _TimmBody, height: int, width: int) -> None:
    """Replace the parts of timm's network that the map does not depend on, such as layers after its pooling."""
    ran: set[nn.Module] = set()
    hooks = [part.register_forward_hook(lambda part, *_: ran.add(part)) for part in body.modules()]
    body.eval()(torch.zeros(1, 3, height, width))
    for hook in hooks:
        hook.remove()
    for name, part in list(body.net.named_children()):
        if ran.isdisjoint(part.modules()) and any(True for _ in part.parameters()):
            setattr(body.net, name, nn.Identity())


def check_name(name: str, known: Sequence[str], where: str) -> None:
    """Raise UserError unless a library has a network of this name."""
    if name not in known:
        close = ", ".join(difflib.get_close_matches(name, known, 3))
        raise UserError(f"{where}:{name}: {where} has no such network" + (f"; close names: {close}" if close else ""))


def _line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
