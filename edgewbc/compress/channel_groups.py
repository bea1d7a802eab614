"""Which channels go together, and what each of them costs: for any network, by torch-pruning's dependency graph.

Fang et al. 2023, "DepGraph" (arXiv 2301.12900). A group is all that shrinks when one channel goes: the convolution that
makes it, its batch norm, a depthwise convolution on it, whatever is added to it, and what reads it.
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
    """The groups of a network's channels; what the classes come out of is not among them.

    Attributes:
        widths: number of channels of each group.
        macs: multiply-adds of one picture.
    """

    def __init__(self, net: Network, spec: ModelSpec) -> None:
        """Trace `net`, which must be in evaluation mode and free to be edited; `prune` edits it."""
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
                # A depthwise convolution makes what it reads: the cost of it falls once.
                touched.setdefault(part, set()).add((number, makes or getattr(part, "groups", 1) > 1))
        self._costs = [
            (layer.macs, [number for number, _ in sorted(touched.get(net.get_submodule(layer.name), ()))])
            for layer in layers(net, height, width)
            if layer.macs
        ]
        self.macs = sum(macs for macs, _ in self._costs)

    def __len__(self) -> int:
        return len(self.widths)

    def macs_of(self, counts: Sequence[int]) -> float:
        """Multiply-adds with so many channels left in each group."""
        total = 0.0
        for macs, groups in self._costs:
            cost = float(macs)
            for number in groups:
                cost *= counts[number] / self.widths[number]
            total += cost
        return total

    def saved(self, number: int, channels: float = 1) -> float:
        """Multiply-adds that are saved by taking so many channels out of one group, all others being whole."""
        counts = [float(width) for width in self.widths]
        counts[number] -= channels
        return self.macs - self.macs_of(counts)  # type: ignore[arg-type]

    def scores(self, importance: str) -> list[Tensor]:
        """Importance of every channel: by `magnitude`, or by `taylor` from the gradients that the parameters hold."""
        kinds = self._pruning.importance
        kind = kinds.MagnitudeImportance if importance == "magnitude" else kinds.TaylorImportance
        return [kind(normalizer=None)(group).detach() for group in self._groups]

    def prune(self, number: int, channels: Sequence[int]) -> None:
        """Take channels out of one group, wherever they appear."""
        if channels:
            self._some(number, channels).prune()

    @contextmanager
    def without(self, number: int, channels: Sequence[int]) -> Iterator[None]:
        """Within the block, these channels of a group are zero."""
        kept: list[tuple[Tensor, Tensor]] = []
        with torch.no_grad():
            for dependency, indices in self._some(number, channels):
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

    def _some(self, number: int, channels: Sequence[int]) -> Any:
        root = self._groups[number][0].dep
        return self._graph.get_pruning_group(root.target.module, root.handler, idxs=sorted(channels))
