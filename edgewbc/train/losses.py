"""The loss against the labels: cross-entropy, focal, and weighted by class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from edgewbc.train.recipe import Fit


class LabelLoss:
    """Loss of logits against labels, as the recipe's `label_smoothing`, `focal` and `class_weights` say."""

    def __init__(
        self,
        options: Fit,
        labels: NDArray[np.int64],
        classes: int,
        device: torch.device,
        mean: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """Compute the weights of the classes.

        Args:
            options: the `fit` section of a recipe.
            labels: class index of each training image, (n,).
            classes: number of classes.
            device: of the logits.
            mean: returns the mean of a value, (), over the processes; None where there is one process.
        """
        self._mean = mean
        self._smoothing, self._focal = options.label_smoothing, options.focal
        self.weights: Tensor | None = None
        """Weight of each class, (classes,), 1 on average over the training images; None weighs all alike."""
        if options.class_weights:
            self.weights = class_weights(labels, classes, options.class_weights).to(device)

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss, (), of logits (n, classes), float32, and class indices (n,).

        Of several processes, each returns its part: their mean is the mean loss of all their images, by their weights.
        """
        loss = self._loss(logits, target)
        if self.weights is None or self._mean is None:
            return loss
        own = self.weights[target].sum()
        return loss * (own / self._mean(own))

    def _loss(self, logits: Tensor, target: Tensor) -> Tensor:
        smoothed, weights = self._smoothing, self.weights
        if not self._focal:
            return functional.cross_entropy(logits, target, weight=weights, label_smoothing=smoothed)
        each = functional.cross_entropy(logits, target, weight=weights, label_smoothing=smoothed, reduction="none")
        certain = logits.log_softmax(1).gather(1, target[:, None])[:, 0].exp()
        scale = float(len(target)) if weights is None else weights[target].sum()
        return ((1 - certain) ** self._focal * each).sum() / scale


def class_weights(labels: NDArray[np.int64], classes: int, beta: float) -> Tensor:
    """Return class weights by the effective number of images, (classes,), float32.

    A class of n images weighs (1 - beta) / (1 - beta ** n), scaled so that the mean over the images is 1 (Cui et al.
    2019, arXiv 1901.05555). With a beta near 1, that is nearly 1 / n.

    Args:
        labels: class index of each training image, (n,); every class occurs.
        classes: number of classes.
        beta: from 0 (all weigh alike) to less than 1.
    """
    counts = np.bincount(labels, minlength=classes)
    raw = (1 - beta) / (1 - beta ** np.maximum(counts, 1))
    return torch.from_numpy(raw * len(labels) / (raw * counts).sum()).float()
