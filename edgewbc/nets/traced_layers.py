"""List the layers of a network of a library, by running it once (on the meta device that costs nothing)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from edgewbc.nets.library_network import LibraryNetwork


@dataclass(frozen=True)
class TracedLayer:
    """A layer of a network; see `layers.Layer`, which has the same attributes but `part`."""

    name: str
    kind: str
    output: tuple[int, ...]
    macs: int
    part: nn.Module | None


def traced(net: LibraryNetwork, height: int, width: int) -> Iterator[TracedLayer]:
    """Yield the layers with weights up to the last feature map, and then a layer `map`.

    The layer `map` has the multiply-adds that are in no layer, such as those of attention, and no `part`.

    Args:
        net: the network; its mode is kept.
        height: of the input, in pixels.
        width: of the input, in pixels.
    """
    names = {part: name for name, part in net.named_modules()}
    found: list[TracedLayer] = []

    def note(part: nn.Module, _: Any, output: Tensor) -> None:
        shape = tuple(int(size) for size in output.shape[1:])
        if isinstance(part, nn.Conv2d):
            macs = prod(shape) * (part.in_channels // part.groups) * prod(part.kernel_size)
            found.append(TracedLayer(names[part], "conv", shape, macs, part))
        elif isinstance(part, nn.Linear):
            found.append(TracedLayer(names[part], "dense", shape, prod(shape) * part.in_features, part))
        else:
            kind = "bn" if isinstance(part, _BatchNorm) else "norm"
            found.append(TracedLayer(names[part], kind, shape, 0, part))

    kinds = (nn.Conv2d, nn.Linear, _BatchNorm, nn.LayerNorm, nn.GroupNorm)
    hooks = [part.register_forward_hook(note) for part in net.features.modules() if isinstance(part, kinds)]
    training, device = net.training, next(net.parameters()).device
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            maps = net.eval().features(torch.zeros(1, 3, height, width, device=device))
    finally:
        for hook in hooks:
            hook.remove()
        net.train(training)
    yield from found
    rest = counter.get_total_flops() // 2 - sum(layer.macs for layer in found)
    yield TracedLayer("features.0", "map", tuple(int(size) for size in maps.shape[1:]), max(0, rest), None)
