"""`fit.batch: auto`: the largest batch that a GPU's memory holds, and a fixed size on a CPU."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Final

import torch
from torch.nn import functional

from edgewbc.errors import UserError
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.train.distributed import process_count
from edgewbc.train.optimizer import build_optimizer
from edgewbc.train.recipe import AUTO, Fit

ON_A_CPU: Final = 32
LEAST: Final = 8
MOST: Final = 512
STEPS_OF_AN_EPOCH: Final = 20
"""An epoch has at least so many steps: a batch that is a large part of the images learns little from them."""
FULL: Final = 0.8
"""Largest share of the GPU's memory that a training step may take; the rest is for a teacher, and for validation."""


def chosen(fit: Fit, net: Network, spec: ModelSpec, images: int, say: Callable[[str], None]) -> Fit:
    """Return the options with a number in place of `batch: auto`; as they are if they have a number.

    Args:
        fit: the `fit` section of a recipe.
        net: the network to train, on the CPU; it is not changed.
        spec: of the network.
        images: number of training images.
        say: receives a line with the size.

    Raises:
        UserError: there are several processes, or the GPU has no memory for the smallest batch.
    """
    if fit.batch != AUTO:
        return fit
    if process_count() > 1:
        raise UserError("fit.batch: auto is for one process: give the number of images per process")
    limit = max(LEAST, min(MOST, images // STEPS_OF_AN_EPOCH))
    if not torch.cuda.is_available():
        say(f"fit.batch: {min(ON_A_CPU, limit)} (auto; on a CPU its memory is not the limit)")
        return fit.model_copy(update={"batch": min(ON_A_CPU, limit)})
    size = largest(_MemoryOfAStep(net, spec, fit), limit)
    say(f"fit.batch: {size} (auto); a learning rate for it: --find-lr with --set fit.batch={size}")
    return fit.model_copy(update={"batch": size})


def largest(share: Callable[[int], float | None], limit: int) -> int:
    """Return the largest of `LEAST` doubled again and again that takes no more than `FULL` of the memory.

    Args:
        share: returns the share of the memory that a training step takes, for a number of images; None if there is not
            enough.
        limit: the size is no larger, but at least `LEAST`.

    Raises:
        UserError: even `LEAST` images take more.
    """
    size, found = LEAST, None
    while size <= max(limit, LEAST):
        taken = share(size)
        if taken is None or taken > FULL:
            break
        size, found = 2 * size, size
    if found is None:
        raise UserError(f"fit.batch: a step with {LEAST} images takes more than {FULL:.0%} of the GPU's memory: use a "
                        "smaller input or network, or fit.batch of 1 to 7 with fit.accumulate")  # fmt: skip
    return found


class _MemoryOfAStep:
    """The share of a GPU's memory that a training step takes, measured by taking one."""

    def __init__(self, net: Network, spec: ModelSpec, fit: Fit) -> None:
        self._net, self._spec, self._fit = net, spec, fit

    def __call__(self, size: int) -> float | None:
        """Return the share for a number of images; None if the memory is not enough."""
        device = torch.device("cuda")
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        try:
            self._step(size, device)
        except torch.cuda.OutOfMemoryError:
            return None
        finally:
            torch.cuda.empty_cache()
        return torch.cuda.max_memory_reserved(device) / torch.cuda.get_device_properties(device).total_memory

    def _step(self, size: int, device: torch.device) -> None:
        """Take one step with a copy of the network."""
        net = copy.deepcopy(self._net).to(device).train()
        optimizer = build_optimizer(net, self._fit)
        x = torch.zeros(size, 3, self._spec.pixels.height, self._spec.pixels.width, device=device)
        x = x.contiguous(memory_format=torch.channels_last)
        target = torch.zeros(size, dtype=torch.int64, device=device)
        with torch.autocast("cuda", torch.bfloat16, enabled=self._fit.precision == "bf16"):
            logits = net(x)
        torch.autograd.backward(functional.cross_entropy(logits.float(), target))
        optimizer.step()
        torch.cuda.synchronize(device)
