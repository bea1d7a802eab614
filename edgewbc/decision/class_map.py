"""Class activation maps in closed form: how much each place of the feature map adds to each class's logit.

Where the features are the mean of a map, or a flattened map, and the head is dense layers with ReLUs between them, the
head is a linear function near any one cell: `w @ features + b`, with the rows of the hidden layers that are off for
this cell left out. So a logit is a sum over the places of the map, and each place's part is the map times `w` (Zhou et
al. 2016, arXiv 1512.04150). It equals the gradient of the logit times the map, summed over channels (as in Grad-CAM,
Selvaraju et al. 2017, arXiv 1610.02391), and no gradient is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgewbc.decision.head import Head

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassMaps:
    """What each place adds to each class's logit for one cell.

    Attributes:
        parts: (K, h, w); summed over h and w, and with the bias, they are the logits.
        bias: what does not depend on a place, (K,).
    """

    parts: Array
    bias: Array

    @property
    def logits(self) -> Array:
        """The logits of the classes, (K,)."""
        found: Array = self.parts.sum((1, 2)) + self.bias
        return found

    def evidence(self, label: int, against: int | None = None) -> Array:
        """Return what speaks for a class at each place, (h, w), in logits; what speaks against it is negative.

        Adding the same number to all logits changes no probability, so a class is compared with others.

        Args:
            label: index of the class.
            against: index of another class; None is the mean of all classes.
        """
        other = self.parts.mean(0) if against is None else self.parts[against]
        found: Array = self.parts[label] - other
        return found


def class_maps(head: Head, features: NDArray[np.floating], maps: NDArray[np.floating]) -> ClassMaps:
    """Return the class activation maps of one cell.

    Args:
        head: dense layers with ReLUs between them.
        features: of the cell, (d,): the mean of the map over space (d = c), or the flattened map (d = c * h * w).
        maps: (c, h, w).

    Raises:
        ValueError: the sizes do not fit together.
    """
    weights, bias = linear_at(head, features)
    channels, height, width = maps.shape
    values = maps.astype(np.float64)
    if weights.shape[1] == channels:
        return ClassMaps(np.tensordot(weights, values, 1) / (height * width), bias)
    if weights.shape[1] == values.size:
        return ClassMaps((weights.reshape(-1, *values.shape) * values).sum(1), bias)
    raise ValueError(f"a head of {weights.shape[1]} features does not fit a map of {channels} x {height} x {width}")


def linear_at(head: Head, features: NDArray[np.floating]) -> tuple[Array, Array]:
    """Return the linear function that a head is near some features: weights (K, d) and bias (K,).

    Args:
        head: dense layers with ReLUs between them.
        features: (d,).
    """
    values = np.asarray(features, dtype=np.float64)
    (first, offset), *others = head.layers
    weights, bias = first.astype(np.float64), offset.astype(np.float64)
    for matrix, more in others:
        on = weights @ values + bias > 0
        weights, bias = matrix[:, on] @ weights[on], matrix[:, on] @ bias[on] + more
    return weights, bias
