"""Learning-rate range test: the loss while the rate grows exponentially (Smith 2017, arXiv 1506.01186)."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.train import batch_size, loop, preflight, start_weights
from edgewbc.train.optimizer import set_learning_rate
from edgewbc.train.recipe import TrainRecipe

SMOOTHING: Final = 0.9
"""Decay per step of the average of the loss (with bias correction)."""
TOO_HIGH: Final = 4.0
"""The test ends where the smoothed loss is this many times its minimum."""
STEPS = 100
MIN_STEPS: Final = 10
"""Steps before a suggestion is made."""


@dataclass(frozen=True)
class LrCurve:
    """The result of a range test.

    Attributes:
        rates: learning rate of each step.
        losses: smoothed training loss of each step.
        steepest: rate where the loss falls fastest per decade: the suggestion.
        tenth: a tenth of the rate at which the loss is lowest: the other usual choice, which is higher.
        ended: whether the loss rose so far that the test ended before its last step.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    steepest: float
    tenth: float
    ended: bool

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON types."""
        return {
            "suggested": self.steepest,
            "minimum_over_10": self.tenth,
            "ended_early": self.ended,
            "rates": list(self.rates),
            "losses": list(self.losses),
        }


def find(
    options: TrainRecipe,
    manifest: Manifest,
    *,
    steps: int | None = None,
    low: float = 1e-7,
    high: float = 1.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> LrCurve:
    """Train a network for some steps with a growing learning rate, and throw it away.

    Args:
        options: the recipe; its learning rate and schedule play no role.
        manifest: images to train on; validation images are not read.
        steps: of the optimizer, at least 10; None is 100.
        low: first learning rate.
        high: last learning rate.
        progress: called after each step with the steps done and their number.

    Raises:
        UserError: the arguments are wrong, or start weights or images are not available.
    """
    steps = STEPS if steps is None else steps
    if steps < MIN_STEPS or not 0 < low < high:
        raise UserError(f"learning-rate finder: needs {MIN_STEPS} steps or more, and rates from low to high above 0")
    fit = options.fit.model_copy(update={"epochs": 1_000_000, "average": 0.0, "accumulate": 1})
    spec = options.model.spec(manifest.classes, start_weights.normalization(options))
    spec = start_weights.with_reference(spec, options, manifest)
    count = len(manifest.split("train"))
    preflight.check_network(spec, min(fit.batch or count, count))
    torch.manual_seed(fit.seed)
    net = model.build(spec)
    fit = batch_size.chosen(fit, net, spec, count, lambda line: None)
    start_weights.load(net, options)
    rates: list[float] = []
    losses: list[float] = []
    with tempfile.TemporaryDirectory(prefix="edgewbc-lr-") as folder:
        trainer = loop.Trainer(net, spec, fit, manifest, Path(folder))
        trainer.prepare()
        average, epoch = 0.0, 0
        while len(rates) < steps:
            trainer.state.epoch = epoch
            plan = trainer.plan(epoch)
            for batch in trainer.inputs.training(plan, epoch, 0):
                rate = low * (high / low) ** (len(rates) / (steps - 1))
                set_learning_rate(trainer.optimizer, rate)
                try:
                    loss = trainer.train_batch(batch, len(plan))
                except UserError:  # the loss is not finite any more
                    return _curve(rates, losses, ended=True)
                average = SMOOTHING * average + (1 - SMOOTHING) * loss
                rates.append(rate)
                losses.append(average / (1 - SMOOTHING ** len(rates)))
                progress(len(rates), steps)
                if len(rates) >= MIN_STEPS and losses[-1] > TOO_HIGH * min(losses):
                    return _curve(rates, losses, ended=True)
                if len(rates) == steps:
                    break
            epoch += 1
    return _curve(rates, losses, ended=False)


def _curve(rates: Sequence[float], losses: Sequence[float], *, ended: bool) -> LrCurve:
    """Return the curve with its suggestions.

    Raises:
        UserError: there are too few steps.
    """
    if len(rates) < MIN_STEPS:
        raise UserError(
            f"learning-rate finder: the loss was not finite after {len(rates)} steps: start at a lower rate"
        )
    lowest = min(range(len(losses)), key=losses.__getitem__)
    slopes = [(losses[i + 1] - losses[i - 1]) / math.log(rates[i + 1] / rates[i - 1]) for i in range(1, max(lowest, 2))]
    steepest = 1 + min(range(len(slopes)), key=slopes.__getitem__)
    return LrCurve(tuple(rates), tuple(losses), rates[steepest], rates[lowest] / 10, ended)
