"""Structured pruning: removal of whole channels, which makes a network smaller and faster on any runtime.

Channels that must be removed together are found with torch-pruning's dependency graph (`compress.channel_groups`), and
ranked over all layers at once: by magnitude, or by the first-order Taylor estimate of the increase of the loss
(Molchanov et al. 2019, arXiv 1906.10771).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgewbc.compress.channel_groups import Groups
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.library_network import LibraryNetwork
from edgewbc.nets.network import Network
from edgewbc.nets.spec import BRANCHED, ModelSpec

Ranking = Literal["layer", "macs", "sensitivity"]
Loss = Callable[[nn.Module], float]


def prunable(net: Network, spec: ModelSpec) -> tuple[Network, ModelSpec]:
    """Return the network in a form that can be pruned, with parallel branches folded."""
    return model.fold(net, spec) if spec.form == BRANCHED else (net, spec)


def shrink(
    net: Network,
    spec: ModelSpec,
    keep_macs: float,
    *,
    gradients: dict[str, Tensor] | None = None,
    round_to: int = 8,
    most: float = 0.9,
    ranking: Ranking = "layer",
    loss: Loss | None = None,
) -> tuple[Network, ModelSpec]:
    """Return the network with the most channels that has at most the share `keep_macs` of the multiply-adds.

    Channels of all layers, hidden dense layers included, are ranked together.

    Args:
        net: on the CPU, from `prunable`; it is not changed.
        spec: of the network.
        keep_macs: largest share of the multiply-adds to keep.
        gradients: of the loss by parameter name, for the Taylor importance; None ranks by magnitude.
        round_to: channel counts are rounded to multiples of this, unless a layer keeps all channels.
        most: the largest share of its channels that one layer may lose.
        ranking: `layer` ranks channels by importance relative to the mean of their layer; `macs` by importance divided
            by the multiply-adds of the channel; `sensitivity` as `layer`, times the increase of the loss without the
            less important half of the layer, divided by the multiply-adds of that half.
        loss: returns the loss of a network of this architecture; for `sensitivity`.

    Raises:
        UserError: even the smallest network that `most` allows has more multiply-adds, or torch-pruning cannot prune
            this network of a library.
        ValueError: the network has branches, or `sensitivity` has no `loss`.
    """
    if spec.form == BRANCHED:
        raise ValueError("fold the branches before pruning")
    copied = copy.deepcopy(net).eval().requires_grad_(True)
    for name, parameter in copied.named_parameters():
        parameter.grad = None if gradients is None else gradients[name].clone()
    try:
        groups = Groups(copied, spec)
    except Exception as error:  # torch-pruning's errors have no common base
        if not isinstance(net, LibraryNetwork):
            raise
        raise _cannot_prune(spec, error) from None
    scores = groups.scores("magnitude" if gradients is None else "taylor")
    ranks = _ranks(groups, scores, ranking, copied, loss)
    counts = _counts(groups, ranks, keep_macs, round_to, most)
    for number, (score, count) in enumerate(zip(scores, counts, strict=True)):
        groups.prune(number, torch.argsort(score, stable=True)[: len(score) - count].tolist())
    smaller = replace(spec, channels=copied.channels(), head=copied.hidden())
    try:
        fresh = model.build(smaller)  # a clean network, as pruning changed the modules in place
        fresh.load_state_dict(copied.state_dict())
        fresh.eval()
        _check_same(fresh, copied, spec)
    except (UserError, RuntimeError, ValueError) as error:
        if not isinstance(net, LibraryNetwork):
            raise
        raise _cannot_prune(spec, error) from None
    return fresh, smaller


@torch.no_grad()
def _check_same(fresh: Network, pruned: Network, spec: ModelSpec) -> None:
    """Check that a network built anew in its pruned sizes computes what the pruned one does.

    Raises:
        ValueError: it does not.
    """
    image = torch.rand(1, 3, spec.pixels.height, spec.pixels.width)
    if not torch.allclose(fresh(image), pruned(image), atol=1e-3, rtol=1e-3):
        raise ValueError("the pruned network cannot be built anew")


def _cannot_prune(spec: ModelSpec, error: Exception) -> UserError:
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)[:160]
    return UserError(f"{spec.arch}: cannot be pruned by torch-pruning ({line}): quantize it without pruning")


def _ranks(groups: Groups, scores: list[Tensor], ranking: Ranking, net: nn.Module, loss: Loss | None) -> list[Tensor]:
    """Return the scores on a common scale for all groups; the order within a group does not change."""
    if ranking == "macs":
        return [score / max(groups.saved(number), 1.0) for number, score in enumerate(scores)]
    relative = [score / score.mean().clamp_min(1e-12) for score in scores]
    if ranking == "layer":
        return relative
    if loss is None:
        raise ValueError("ranking by sensitivity needs a loss")
    unpruned = loss(net)
    ranks = []
    for number, score in enumerate(relative):
        half = torch.argsort(score, stable=True)[: len(score) // 2].tolist()
        with groups.without(number, half):
            rise = max(loss(net) - unpruned, 1e-6)
        ranks.append(score * rise / max(groups.saved(number, len(half)), 1.0))
    return ranks


def _counts(groups: Groups, ranks: list[Tensor], keep_macs: float, round_to: int, most: float) -> list[int]:
    """Return the number of channels that each group keeps, with the lowest threshold that meets `keep_macs`."""
    limit = keep_macs * groups.macs + 0.5

    def kept(threshold: float) -> list[int]:
        counts = []
        for rank in ranks:
            width = len(rank)
            above = max(int((rank > threshold).sum()), (1 - most) * width)
            counts.append(width if above == width else min(width, max(round_to, round_to * round(above / round_to))))
        return counts

    thresholds = [-1.0, *sorted({float(value) for rank in ranks for value in rank})]
    least = groups.macs_of(kept(thresholds[-1]))
    if least > limit:
        share = least / groups.macs
        raise UserError(
            f"the network cannot be pruned to {keep_macs:.3g} of its multiply-adds in one step: {share:.3f} is the "
            f"smallest share that can be kept with most: {most}; raise --keep-macs, or set steps or most"
        )
    low, high = 0, len(thresholds) - 1  # multiply-adds never increase with the threshold
    while low < high:
        middle = (low + high) // 2
        if groups.macs_of(kept(thresholds[middle])) <= limit:
            high = middle
        else:
            low = middle + 1
    return kept(thresholds[low])


def taylor_gradients(
    net: nn.Module,
    spec: ModelSpec,
    manifest: Manifest,
    count: int,
    *,
    seed: int = 0,
    step: Callable[[Iterator[Any], int], Iterator[Any]] | None = None,
) -> dict[str, Tensor]:
    """Return the gradient of the mean loss over `count` random training images, by parameter name."""
    chosen, labels = _drawn(manifest, spec, count, seed)
    scale = Deployed(net, spec.pixels)
    net.eval().requires_grad_(True)
    net.zero_grad(set_to_none=True)
    size = 32
    prepared: Iterator[Any] = images.batches(manifest, chosen, spec.pixels, size)
    if step is not None:
        prepared = step(prepared, -(-len(chosen) // size))
    for number, batch in enumerate(prepared):
        logits = net(scale.normalize(torch.from_numpy(batch)))
        target = labels[number * size :][: len(batch)]
        (functional.cross_entropy(logits, target, reduction="sum") / len(chosen)).backward()  # type: ignore[no-untyped-call]
    found = {name: p.grad.detach().clone() for name, p in net.named_parameters() if p.grad is not None}
    net.zero_grad(set_to_none=True)
    return found


def train_loss(spec: ModelSpec, manifest: Manifest, count: int, *, seed: int = 0) -> Loss:
    """Return a function that computes a network's mean loss over `count` random training images, kept in memory."""
    chosen, labels = _drawn(manifest, spec, count, seed)
    kept = list(images.batches(manifest, chosen, spec.pixels, 64))

    def loss(net: nn.Module) -> float:
        scale = Deployed(net, spec.pixels)
        with torch.no_grad():
            logits = torch.cat([net(scale.normalize(torch.from_numpy(batch))) for batch in kept])
        return float(functional.cross_entropy(logits, labels))

    return loss


def _drawn(manifest: Manifest, spec: ModelSpec, count: int, seed: int) -> tuple[list[Entry], Tensor]:
    """Return `count` random training images and their labels (n,)."""
    train = manifest.split("train")
    chosen = [train[i] for i in np.random.default_rng(seed).permutation(len(train))[:count]]
    return chosen, torch.from_numpy(images.truth(manifest, chosen, spec.classes))
