"""Tests of pruning networks of timm, and of attention seen in a graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgewbc.compress.prune import shrink
from edgewbc.compress.ptq import is_transformer
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec


def spec(arch: str) -> ModelSpec:
    """Return the description of a network with two classes for 32 x 32 pixels."""
    return ModelSpec(arch, ("a", "b"), PixelSpec(32, 32), (), ())


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_a_pruned_network_is_built_saved_and_pruned_again(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, whole = model.build(spec(f"timm:{name}")).eval(), spec(f"timm:{name}")
    smaller, described = shrink(net, whole, 0.5)
    share = model.macs(described) / model.macs(whole)
    assert 0.2 < share <= 0.5
    assert model.count(smaller) < model.count(net)
    assert described.channels == smaller.channels() != ()
    model.save(tmp_path, smaller, described)
    again, told = model.load(tmp_path)
    assert told == described
    x = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(again(x), smaller(x))
    assert model.macs(shrink(again, told, 0.7)[1]) <= 0.7 * model.macs(told)


def test_a_network_that_cannot_be_pruned_is_refused_in_one_line() -> None:
    torch.manual_seed(0)
    with pytest.raises(UserError, match="timm:test_vit: cannot be pruned") as caught:
        shrink(model.build(spec("timm:test_vit")).eval(), spec("timm:test_vit"), 0.5)
    assert "\n" not in str(caught.value)


def test_attention_is_seen_in_a_graph() -> None:
    assert is_transformer(["Convolution", "ScaledDotProductAttention", "SoftMax"])
    assert is_transformer(["Conv", "Softmax", "MatMul", "Softmax"])
    assert not is_transformer(["Conv", "Relu", "Softmax"])
