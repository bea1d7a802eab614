"""MixUp and CutMix: a batch mixed with itself in another order.

Zhang et al. 2018 (arXiv 1710.09412); Yun et al. 2019 (arXiv 1905.04899).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from edgewbc.train.recipe import Fit


class Mixed(NamedTuple):
    """A mixed batch.

    Attributes:
        x: input, of the shape of the batch.
        partner: index of the image that each image is mixed with, (n,).
        share: of the first image, 0 to 1; its partner has the rest.
    """

    x: Tensor
    partner: Tensor
    share: float


def mix(x: Tensor, options: Fit, seed: tuple[int, ...]) -> Mixed | None:
    """Return the mixed batch; None where the recipe turns mixing off, or the dice leave this batch as it is.

    Args:
        x: input of the network, (n, channels, height, width).
        options: the `fit` section of a recipe.
        seed: the same seed mixes alike, so that a resumed epoch sees the same images.
    """
    if not (options.mixup or options.cutmix) or len(x) < 2:
        return None
    rng = np.random.default_rng(seed)
    if rng.random() >= options.mix_share:
        return None
    cut = options.cutmix > 0 and (options.mixup == 0 or rng.random() < 0.5)
    strength = options.cutmix if cut else options.mixup
    share = float(rng.beta(strength, strength))
    partner = torch.from_numpy(rng.permutation(len(x))).to(x.device)
    other = x[partner]
    if not cut:
        return Mixed(share * x + (1 - share) * other, partner, share)
    height, width = x.shape[2:]
    top, left, bottom, right = _rectangle(height, width, 1 - share, rng)
    mixed = x.clone()
    mixed[:, :, top:bottom, left:right] = other[:, :, top:bottom, left:right]
    return Mixed(mixed, partner, 1 - (bottom - top) * (right - left) / (height * width))


def _rectangle(height: int, width: int, share: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Return top, left, bottom and right of a rectangle with a share of the area, about a random center, clipped."""
    tall, wide = height * share**0.5, width * share**0.5
    y, x = rng.uniform(0, height), rng.uniform(0, width)
    top, bottom = (int(np.clip(round(v), 0, height)) for v in (y - tall / 2, y + tall / 2))
    left, right = (int(np.clip(round(v), 0, width)) for v in (x - wide / 2, x + wide / 2))
    return top, left, bottom, right
