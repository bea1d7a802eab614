"""Tests of edgewbc.nets.vgg."""

import pytest
import torch
from torch import nn

from edgewbc.nets.vgg import VGG16, VGG16GAP, VGG16Flatten


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_poster_parameter_counts() -> None:
    """Four classes give 14,776,492 parameters, 61,804 of them in the head; five give 61,905 there."""
    net = VGG16GAP(4)
    assert count(net) == 14_776_492
    assert count(net.head) == 61_804
    assert count(VGG16GAP(5).head) == 61_905


def test_flatten_network_has_original_vgg16_parameters() -> None:
    """Flatten 25,088 -> 4096 -> 4096 -> 1000 on meta tensors has VGG16's 138,357,544 parameters."""
    with torch.device("meta"):
        net = VGG16Flatten(1000)
    assert count(net) == 138_357_544
    assert net.head[0].in_features == 25_088


def test_base_keys_match_torchvision() -> None:
    """A torchvision VGG16 base loads without renaming."""
    from torchvision.models import vgg16

    theirs = vgg16(weights=None).features.state_dict()
    ours = VGG16GAP(4).features.state_dict()
    assert {k: v.shape for k, v in theirs.items()} == {k: v.shape for k, v in ours.items()}


def test_custom_channels() -> None:
    """Other channel counts give the same class, with logits of the right shape and the mean over space as pool."""
    net = VGG16GAP(5, (8, "M", 16, "M"), (7,))
    x = torch.randn(2, 3, 32, 48)
    maps = net.features(x)
    assert maps.shape == (2, 16, 8, 12)
    torch.testing.assert_close(net.pool(maps), maps.flatten(2).mean(2))
    assert net(x).shape == (2, 5)
    assert [m.out_features for m in net.head if isinstance(m, nn.Linear)] == [7, 5]


@pytest.mark.parametrize("size", [(32, 32), (64, 32)])
def test_flatten_takes_the_input_size(size: tuple[int, int]) -> None:
    """The Flatten head fits the size of the last map, whatever the input's."""
    net = VGG16Flatten(3, (4, "M", 6, "M"), (10,), height=size[0], width=size[1])
    assert net(torch.zeros(1, 3, *size)).shape == (1, 3)


def test_he_initialization_preserves_activation_scale() -> None:
    """Through 13 layers without batch norm the spread of the activations neither vanishes nor explodes."""
    torch.manual_seed(0)
    channels = tuple(c // 4 if isinstance(c, int) else c for c in VGG16)
    maps = VGG16GAP(5, channels).features(torch.randn(4, 3, 64, 64))
    assert 0.1 < maps.std() < 10


def test_flatten_initializes_small_dense_weights() -> None:
    """N(0, 0.01 ** 2) in the wide layers, so that the base's large values do not make the first steps too large."""
    torch.manual_seed(0)
    net = VGG16Flatten(4, (8, "M"), (64, 64), height=16, width=16)
    for layer in net.head:
        if isinstance(layer, nn.Linear):
            assert float(layer.weight.detach().std()) == pytest.approx(0.01, rel=0.2)
            assert not layer.bias.any()
