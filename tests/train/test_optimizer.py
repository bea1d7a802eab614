"""Tests of `edgewbc.train.optimizer`: parameter groups and the learning-rate schedule."""

import pytest
import torch
from torch import nn

from edgewbc.nets.vgg import VGG16GAP
from edgewbc.train.optimizer import build_optimizer, learning_rate, set_learning_rate
from edgewbc.train.recipe import Fit


def test_schedule_warms_up_and_decays_to_a_hundredth() -> None:
    """The rate rises linearly to `lr` at the end of the warm-up, is half way down in the middle, and ends at 1 %."""
    options = Fit(epochs=6, lr=0.1, warmup=2)
    assert learning_rate(options, 1) == pytest.approx(0.05, rel=2e-3)
    assert learning_rate(options, 2) == pytest.approx(0.1)
    assert learning_rate(options, 4) == pytest.approx(0.1 * (0.01 + 0.99 / 2))
    assert learning_rate(options, 6) == pytest.approx(0.001)


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_head_and_extra_parameters_have_their_own_rate(kind: str) -> None:
    """Frozen parameters are left out; the head and extra parameters are trained at `head_lr` times the rate."""
    net = VGG16GAP(3, (4, "M", 4), (5,))
    net.features[0].requires_grad_(False)
    extra = nn.Parameter(torch.zeros(2))
    optimizer = build_optimizer(net, Fit.model_validate({"optimizer": kind, "head_lr": 4}), [extra])
    base, head = optimizer.param_groups
    assert len(base["params"]) == 2
    assert [id(p) for p in head["params"]] == [id(p) for p in (*net.head.parameters(), extra)]
    set_learning_rate(optimizer, 0.1)
    assert (base["lr"], head["lr"]) == (0.1, 0.4)
