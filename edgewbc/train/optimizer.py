"""Optimizer and learning-rate schedule of a training."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from edgewbc.train.recipe import Fit


def build_optimizer(net: nn.Module, options: Fit, extra: Iterable[nn.Parameter] = ()) -> torch.optim.Optimizer:
    """Return the optimizer of a network's trainable parameters.

    Args:
        net: with submodules `features` (trained at `options.lr`, frozen parameters left out) and `head` (trained at
            `options.lr * options.head_lr`).
        options: the `fit` section of a recipe.
        extra: parameters outside the network, trained at the rate of the head.
    """
    base = [parameter for parameter in net.get_submodule("features").parameters() if parameter.requires_grad]
    head = [*net.get_submodule("head").parameters(), *extra]
    groups = [{"params": base, "factor": 1.0}, {"params": head, "factor": options.head_lr}]
    groups = [group for group in groups if group["params"]]
    if options.optimizer == "sgd":
        return torch.optim.SGD(groups, options.lr, momentum=0.9, nesterov=True, weight_decay=options.weight_decay)
    # Fused: with the 44 M weights of VGG16-Flatten, the unfused update takes a third of a training step on a CPU.
    return torch.optim.AdamW(groups, options.lr, weight_decay=options.weight_decay, fused=True)


def learning_rate(options: Fit, done: float) -> float:
    """Return the base learning rate after `done` epochs.

    Linear warm-up, then a cosine decay to 1 % (Loshchilov and Hutter 2017, arXiv 1608.03983).
    """
    if done < options.warmup:
        return options.lr * (done + 1e-3) / options.warmup
    span = max(1e-9, options.epochs - options.warmup)
    return options.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, (done - options.warmup) / span))))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every parameter group to `rate` times the group's factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
