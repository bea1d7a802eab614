"""Tests of `edgewbc.train.losses`."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from edgewbc.train.losses import LabelLoss, class_weights
from edgewbc.train.recipe import Fit

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.4, 0.3], [-1.0, 3.0, 0.0], [0.0, 0.0, 1.0]])
TARGET = torch.tensor([0, 1, 1, 0])
LABELS = np.array([0] * 8 + [1] * 2 + [2])


def loss(**options: float) -> float:
    made = LabelLoss(Fit.model_validate(options), LABELS, 3, torch.device("cpu"))
    return float(made(LOGITS, TARGET))


def test_cross_entropy_is_the_default() -> None:
    """Without further options, it is torch's cross-entropy with label smoothing, bit for bit."""
    assert loss() == float(functional.cross_entropy(LOGITS, TARGET, label_smoothing=0.05))


def test_focal() -> None:
    """Each term of the cross-entropy is multiplied by (1 - p) ** gamma; a gamma near 0 changes nothing."""
    each = functional.cross_entropy(LOGITS, TARGET, reduction="none")
    expected = float(((1 - (-each).exp()) ** 2 * each).mean())
    assert loss(focal=2, label_smoothing=0) == pytest.approx(expected, rel=1e-6)
    assert loss(focal=1e-9, label_smoothing=0.1) == pytest.approx(loss(label_smoothing=0.1), rel=1e-6)
    assert loss(focal=1e-9, class_weights=0.9) == pytest.approx(loss(class_weights=0.9), rel=1e-6)


def test_class_weights() -> None:
    """A class weighs the inverse of its effective number; the mean over the images is 1."""
    weights = class_weights(LABELS, 3, 0.9)
    effective = [(1 - 0.9**n) / 0.1 for n in (8, 2, 1)]
    assert float(weights[1] / weights[0]) == pytest.approx(effective[0] / effective[1], rel=1e-6)
    assert float(weights[LABELS].mean()) == pytest.approx(1, rel=1e-6)
    assert torch.allclose(class_weights(LABELS, 3, 1e-12), torch.ones(3))
    nearly = class_weights(LABELS, 3, 1 - 1e-9)
    assert math.isclose(float(nearly[2] / nearly[0]), 8, rel_tol=1e-4)
    expected = functional.cross_entropy(LOGITS, TARGET, weight=weights, label_smoothing=0.05)
    assert loss(class_weights=0.9) == pytest.approx(float(expected), rel=1e-6)
