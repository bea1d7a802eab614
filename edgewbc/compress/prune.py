"""Structured pruning: whole channels go, so that the network is smaller and faster everywhere, not only on paper.

The channels that go together are found by torch-pruning's dependency graph (Fang et al. 2023, "DepGraph", arXiv
2301.12900) and ranked over all layers at once: by magnitude, or by the first-order Taylor estimate of what the loss
would rise by (Molchanov et al. 2019, arXiv 1906.10771).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgewbc.data import pictures
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.extras import need
from edgewbc.nets import model
from edgewbc.nets.deploy import Deployed
from edgewbc.nets.spec import ModelSpec


def shrink(
    net: nn.Module,
    spec: ModelSpec,
    keep_macs: float,
    *,
    gradients: dict[str, Tensor] | None = None,
    round_to: int = 8,
    most: float = 0.9,
) -> tuple[nn.Module, ModelSpec]:
    """The network with the most channels whose multiply-adds are at most `keep_macs` of the given one's.

    Channels are ranked over all layers at once by their importance, relative to the mean of their layer. The dense
    layers keep their widths.

    Args:
        net: on the CPU; it is not changed.
        gradients: of the loss by parameter name, for the Taylor importance; None ranks by magnitude.
        round_to: channel counts stay multiples of this.
        most: the largest share of its channels that one layer may lose.

    Raises:
        UserError: even the smallest network that `most` allows has more multiply-adds.
    """
    pruning = need("torch_pruning", "pruning")
    copied = copy.deepcopy(net).eval().requires_grad_(True)
    for name, parameter in copied.named_parameters():
        parameter.grad = None if gradients is None else gradients[name].clone()
    graph = pruning.DependencyGraph().build_dependency(copied, torch.zeros(1, 3, spec.pixels.height, spec.pixels.width))
    kind = pruning.importance.MagnitudeImportance if gradients is None else pruning.importance.TaylorImportance
    convolutions = [m for m in copied.get_submodule("features").children() if isinstance(m, nn.Conv2d)]

    def group(layer: nn.Conv2d, channels: list[int]) -> Any:
        return graph.get_pruning_group(layer, pruning.prune_conv_out_channels, idxs=channels)

    scores = [kind()(group(layer, list(range(layer.out_channels)))).detach() for layer in convolutions]
    counts = _counts(scores, spec, keep_macs, round_to, most)
    for layer, score, count in zip(convolutions, scores, counts, strict=True):
        worst = torch.argsort(score, stable=True)[: len(score) - count]
        if len(worst):
            group(layer, sorted(worst.tolist())).prune()
    smaller = _with_counts(spec, counts)
    fresh = model.build(smaller)  # the modules were edited in place: put the weights into the plain class again
    fresh.load_state_dict(copied.state_dict())
    return fresh.eval(), smaller


def _counts(scores: list[Tensor], spec: ModelSpec, keep_macs: float, round_to: int, most: float) -> list[int]:
    """Channels that each layer keeps: those above the lowest threshold with which the multiply-adds fit."""
    limit = keep_macs * model.macs(spec)

    def kept(threshold: float) -> list[int]:
        counts = []
        for score in scores:
            width = len(score)
            above = max(int((score > threshold).sum()), (1 - most) * width)
            counts.append(min(width, max(round_to, round_to * round(above / round_to))))
        return counts

    thresholds = [-1.0, *sorted({float(value) for score in scores for value in score})]
    least = model.macs(_with_counts(spec, kept(thresholds[-1])))
    if least > limit:
        share = least / model.macs(spec)
        raise UserError(f"keep_macs {keep_macs}: {share:.3f} is the least that can be kept with most: {most}")
    low, high = 0, len(thresholds) - 1  # the multiply-adds only fall as the threshold rises
    while low < high:
        middle = (low + high) // 2
        if model.macs(_with_counts(spec, kept(thresholds[middle]))) <= limit:
            high = middle
        else:
            low = middle + 1
    return kept(thresholds[low])


def _with_counts(spec: ModelSpec, counts: list[int]) -> ModelSpec:
    widths = iter(counts)
    return replace(spec, channels=tuple(c if c == "M" else next(widths) for c in spec.channels))


def taylor_gradients(
    net: nn.Module,
    spec: ModelSpec,
    manifest: Manifest,
    count: int,
    *,
    seed: int = 0,
    step: Callable[[Iterator[Any], int], Iterator[Any]] | None = None,
) -> dict[str, Tensor]:
    """Gradient of the mean loss over `count` training pictures, drawn from the seed, by parameter name."""
    train = manifest.split("train")
    chosen: list[Entry] = [train[i] for i in np.random.default_rng(seed).permutation(len(train))[:count]]
    labels = torch.from_numpy(pictures.truth(manifest, chosen, spec.classes))
    scale = Deployed(net, spec.pixels)
    net.eval().requires_grad_(True)
    net.zero_grad(set_to_none=True)
    size = 32
    prepared: Iterator[Any] = pictures.batches(manifest, chosen, spec.pixels, size)
    if step is not None:
        prepared = step(prepared, -(-len(chosen) // size))
    for number, batch in enumerate(prepared):
        logits = net(scale.normalise(torch.from_numpy(batch)))
        target = labels[number * size :][: len(batch)]
        (functional.cross_entropy(logits, target, reduction="sum") / len(chosen)).backward()  # type: ignore[no-untyped-call]
    found = {name: p.grad.detach().clone() for name, p in net.named_parameters() if p.grad is not None}
    net.zero_grad(set_to_none=True)
    return found
