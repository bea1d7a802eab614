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

TRIES = 14  # halvings of the interval in which the pruning ratio is sought


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

    Args:
        net: on the CPU; it is not changed.
        gradients: of the loss by parameter name, for the Taylor importance; None ranks by magnitude.
        round_to: channel counts stay multiples of this.
        most: the largest share of its channels that one layer may lose.

    Raises:
        UserError: even the smallest network that `most` allows has more multiply-adds.
    """
    limit = keep_macs * model.macs(spec)
    low, high = 0.0, most
    found = _cut(net, spec, high, gradients, round_to, most)
    if model.macs(found[1]) > limit:
        share = model.macs(found[1]) / model.macs(spec)
        raise UserError(f"keep_macs {keep_macs}: {share:.3f} is the least that can be kept with most: {most}")
    for _ in range(TRIES):
        middle = (low + high) / 2
        trial = _cut(net, spec, middle, gradients, round_to, most)
        if model.macs(trial[1]) > limit:
            low = middle
        else:
            high = middle
            if model.macs(trial[1]) >= model.macs(found[1]):
                found = trial
    return found


def _cut(
    net: nn.Module,
    spec: ModelSpec,
    ratio: float,
    gradients: dict[str, Tensor] | None,
    round_to: int,
    most: float,
) -> tuple[nn.Module, ModelSpec]:
    """Prune a copy to a ratio of channels, over all layers at once. The dense layers keep their widths."""
    pruning = need("torch_pruning", "pruning")
    copied = copy.deepcopy(net).eval().requires_grad_(True)
    if gradients is not None:
        for name, parameter in copied.named_parameters():
            parameter.grad = gradients[name].clone()
    importance = (
        pruning.importance.MagnitudeImportance(p=2) if gradients is None else pruning.importance.TaylorImportance()
    )
    pruner = pruning.pruner.BasePruner(
        copied,
        torch.zeros(1, 3, spec.pixels.height, spec.pixels.width),
        importance=importance,
        pruning_ratio=ratio,
        max_pruning_ratio=most,
        global_pruning=True,
        round_to=round_to,
        ignored_layers=[m for m in copied.modules() if isinstance(m, nn.Linear)],
    )
    pruner.step()
    widths = iter([m.out_channels for m in copied.get_submodule("features").children() if isinstance(m, nn.Conv2d)])
    smaller = replace(spec, channels=tuple(c if c == "M" else next(widths) for c in spec.channels))
    fresh = model.build(smaller)  # tp edits modules in place: put the weights into the plain class again
    fresh.load_state_dict(copied.state_dict())
    return fresh.eval(), smaller


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
