"""Groups of channels that can only be pruned together, and their cost, by torch-pruning's dependency graph.

Fang et al. 2023, "DepGraph" (arXiv 2301.12900). Removing a channel shrinks all layers of its group: the convolution
that computes it, its batch norm, a depthwise convolution on it, layers whose output is added to it, and its readers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from edgewbc.nets.layers import layers
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.utils.optional import need


class Groups:
    """The groups of a network's channels, without the outputs of its last layer (the classes).

    Attributes:
        widths: number of channels of each group.
        macs: multiply-adds of one image.
    """

    def __init__(self, net: Network, spec: ModelSpec) -> None:
        """Trace `net`, which must be in evaluation mode; `prune` changes it in place."""
        self._pruning = need("torch_pruning", "pruning")
        height, width = spec.pixels.height, spec.pixels.width
        graph = self._pruning.DependencyGraph().build_dependency(net, torch.zeros(1, 3, height, width))
        last = [part for part in net.head if isinstance(part, nn.Linear)][-1]
        found = list(graph.get_all_groups([last], (nn.Conv2d, nn.Linear)))
        self._graph = graph
        self._groups = found
        self.widths = [len(group[0].idxs) for group in found]
        touched: dict[nn.Module, set[tuple[int, bool]]] = {}
        for number, group in enumerate(found):
            for dependency, _ in group:
                part, makes = dependency.target.module, graph.is_out_channel_pruning_fn(dependency.handler)
                # A depthwise convolution has as many outputs as inputs: its cost shrinks only once.
                touched.setdefault(part, set()).add((number, makes or getattr(part, "groups", 1) > 1))
        self._costs = [
            (layer.macs, [number for number, _ in sorted(touched.get(net.get_submodule(layer.name), ()))])
            for layer in layers(net, height, width)
            if layer.macs
        ]
        self.macs = sum(macs for macs, _ in self._costs)

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.widths)

    def macs_of(self, counts: Sequence[int]) -> float:
        """Return the multiply-adds with the given number of channels left in each group."""
        total = 0.0
        for macs, groups in self._costs:
            cost = float(macs)
            for number in groups:
                cost *= counts[number] / self.widths[number]
            total += cost
        return total

    def saved(self, number: int, channels: float = 1) -> float:
        """Return the multiply-adds saved by removing a number of channels from one group alone."""
        counts = [float(width) for width in self.widths]
        counts[number] -= channels
        return self.macs - self.macs_of(counts)  # type: ignore[arg-type]

    def scores(self, importance: str) -> list[Tensor]:
        """Return the importance of every channel, by `magnitude`, or by `taylor` from the parameters' gradients."""
        kinds = self._pruning.importance
        kind = kinds.MagnitudeImportance if importance == "magnitude" else kinds.TaylorImportance
        return [kind(normalizer=None)(group).detach() for group in self._groups]

    def prune(self, number: int, channels: Sequence[int]) -> None:
        """Remove channels of one group from all of its layers."""
        if channels:
            self._subset(number, channels).prune()

    @contextmanager
    def without(self, number: int, channels: Sequence[int]) -> Iterator[None]:
        """Set channels of a group to zero within the block."""
        kept: list[tuple[Tensor, Tensor]] = []
        with torch.no_grad():
            for dependency, indices in self._subset(number, channels):
                if self._graph.is_out_channel_pruning_fn(dependency.handler):
                    for tensor in dependency.target.module.parameters(recurse=False):
                        kept.append((tensor, tensor.detach().clone()))
                        tensor[indices] = 0
        try:
            yield
        finally:
            with torch.no_grad():
                for tensor, before in reversed(kept):
                    tensor.copy_(before)

    def _subset(self, number: int, channels: Sequence[int]) -> Any:
        root = self._groups[number][0].dep
        return self._graph.get_pruning_group(root.target.module, root.handler, idxs=sorted(channels))
