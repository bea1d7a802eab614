"""What all networks share: pooling, dense layers, folding batch norm, frozen statistics."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgewbc.nets.network import Network, dense, fuse, initialize


class Small(Network):
    """A convolution with batch norm, and two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4))
        self.head = dense((4, 6, 2), dropout=0.5)


def test_logits_are_the_head_of_the_mean_map() -> None:
    """The pooled vector is the mean over space."""
    net, x = Small().eval(), torch.randn(2, 3, 8, 8)
    assert torch.allclose(net(x), net.head(net.features(x).mean((2, 3))))
    assert net.hidden() == (6,)


def test_dense_layers_have_relu_and_dropout_between_them() -> None:
    """None after the last."""
    kinds = [type(part) for part in dense((4, 6, 2), dropout=0.5)]
    assert kinds == [nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
    assert [type(part) for part in dense((4, 2))] == [nn.Linear]


def test_frozen_batch_norm_keeps_its_statistics() -> None:
    """In training mode too, as its weights do not follow new statistics."""
    net = Small()
    norm = net.get_submodule("features.1")
    assert isinstance(norm, nn.BatchNorm2d)
    norm.requires_grad_(False)
    net.train()
    assert (net.training, norm.training) == (True, False)
    net.features(torch.randn(4, 3, 8, 8) + 5)
    assert norm.running_mean is not None
    assert not norm.running_mean.any()


@pytest.mark.parametrize("bias", [True, False])
def test_a_fused_convolution_gives_the_same(bias: bool) -> None:
    """Weight and bias of convolution and batch norm together."""
    torch.manual_seed(0)
    convolution, norm = nn.Conv2d(3, 4, 3, bias=bias), nn.BatchNorm2d(4)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    norm.running_mean, norm.running_var = torch.randn(4), torch.rand(4) + 0.5
    x = torch.randn(1, 3, 6, 6)
    expected = norm.eval()(convolution(x))
    weight, offset = fuse(convolution, norm)
    assert torch.allclose(nn.functional.conv2d(x, weight, offset), expected, atol=1e-5)
    with pytest.raises(ValueError, match="without statistics"):
        fuse(convolution, nn.BatchNorm2d(4, track_running_stats=False))


def test_initial_weights_keep_the_scale_of_relu_networks() -> None:
    """A standard deviation of sqrt(2 / fan-in), and no bias."""
    torch.manual_seed(0)
    layer = nn.Linear(400, 300)
    initialize(layer)
    assert float(layer.weight.detach().std()) == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert not layer.bias.any()
