"""List the layers of a network with their output shapes, parameters and multiply-adds.

Shapes are derived from the layers themselves, without running the network, in milliseconds; networks of libraries
are run once (`traced_layers`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from torch import nn

from edgewbc.nets.library_network import LibraryNetwork
from edgewbc.nets.network import Network
from edgewbc.nets.traced_layers import traced

Shape = tuple[int, ...]
"""Without the batch axis: (c, h, w) or (d,)."""


@dataclass(frozen=True)
class Layer:
    """One layer of a network.

    Attributes:
        name: the key of its weights, without `.weight`; `pool` for the pooling that gives the feature vector.
        kind: `conv`, `dense`, `bn`, `norm` (of another kind), `pool`, `to channels`, or `map`: the last feature map
            of a library's network, with the parameters and multiply-adds that are in no layer.
        output: without the batch axis: (c, h, w) or (d,).
        parameters: number of parameters, frozen ones included (batch norm statistics are not parameters).
        macs: multiply-adds for one image. Batch norm has none: it is folded into the convolution before it.
        trainable: number of parameters that are not frozen.
    """

    name: str
    kind: str
    output: Shape
    parameters: int
    macs: int
    trainable: int


def layers(net: Network, height: int, width: int) -> list[Layer]:
    """Return the layers of a network for an input size in pixels, in order, without activations and dropout.

    Raises:
        ValueError: the head does not take the features of that size.
    """
    if isinstance(net, LibraryNetwork):
        found = list(_of_library(net, height, width))
    else:
        found = list(_through(net.features, "features", (3, height, width)))
    maps = found[-1].output
    head = next(layer for layer in net.head if isinstance(layer, nn.Linear))
    found.append(Layer("pool", "pool", (head.in_features,), 0, 0, 0))
    if head.in_features not in (maps[0], prod(maps)):
        raise ValueError(f"the head takes {head.in_features} values, and the features are {maps}")
    return [*found, *_through(net.head, "head", (head.in_features,))]


def _of_library(net: LibraryNetwork, height: int, width: int) -> Iterator[Layer]:
    """Yield the layers of a library's network up to the map."""
    every = list(net.features.parameters())
    left = sum(p.numel() for p in every)
    trainable = sum(p.numel() for p in every if p.requires_grad)
    for each in traced(net, height, width):
        if each.part is None:
            yield Layer(each.name, each.kind, each.output, left, each.macs, trainable)
            continue
        layer = _layer(each.part, each.name, each.kind, each.output, each.macs)
        left, trainable = left - layer.parameters, trainable - layer.trainable
        yield layer


def _through(part: nn.Module, name: str, shape: Shape) -> Iterator[Layer]:
    """Yield the layers of a part whose input has this shape."""
    if isinstance(part, nn.Linear):
        yield _layer(part, name, "dense", (part.out_features,), part.in_features * part.out_features)
    elif isinstance(part, nn.Conv2d):
        output = (part.out_channels, *_sizes(part, shape[1:]))
        each = part.in_channels // part.groups * prod(part.kernel_size)
        yield _layer(part, name, "conv", output, prod(output) * each)
    elif isinstance(part, nn.BatchNorm2d):
        yield _layer(part, name, "bn", shape, 0)
    elif isinstance(part, nn.MaxPool2d):
        yield _layer(part, name, "pool", (shape[0], shape[1] // 2, shape[2] // 2), 0)
    elif isinstance(part, nn.PixelUnshuffle):
        by = part.downscale_factor
        yield _layer(part, name, "to channels", (shape[0] * by * by, shape[1] // by, shape[2] // by), 0)
    else:
        for key, inner in part.named_children():
            given = shape
            for layer in _through(inner, f"{name}.{key}", shape):
                given = layer.output
                yield layer
            if not getattr(part, "parallel", False):  # parallel branches share the input
                shape = given


def _sizes(convolution: nn.Conv2d, sizes: Shape) -> Shape:
    """Return height and width of a convolution's output."""
    if getattr(convolution, "same", False):
        return tuple(-(-size // stride) for size, stride in zip(sizes, convolution.stride, strict=True))
    pads = convolution.padding
    if isinstance(pads, str):
        raise ValueError(f"padding {pads!r} is not worked out")
    return tuple(
        (size + 2 * pad - kernel) // stride + 1
        for size, pad, kernel, stride in zip(sizes, pads, convolution.kernel_size, convolution.stride, strict=True)
    )


def _layer(part: nn.Module, name: str, kind: str, output: Shape, macs: int) -> Layer:
    own = list(part.parameters())
    return Layer(name, kind, output, sum(p.numel() for p in own), macs, sum(p.numel() for p in own if p.requires_grad))
