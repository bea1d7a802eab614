"""Groups of channels: their cost, and what removing them does."""

from dataclasses import replace

import pytest
import torch

from edgewbc.compress.channel_groups import Groups
from edgewbc.nets import model
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from tests.compress.architectures import ARCHITECTURES

SPEC = ModelSpec("vgg16gap", tuple("abcde"), PixelSpec(16, 16), (32, "M", 64, 64, "M", 64), (12,))


@pytest.fixture(scope="module")
def net() -> Network:
    """Return the network of `SPEC` with random weights."""
    torch.manual_seed(0)
    return model.build(SPEC).eval()


def test_predicted_cost_matches_the_pruned_network() -> None:
    """The multiply-adds that `Groups` predicts are those of the network pruned to these counts."""
    spec = ARCHITECTURES["efficientnet-lite0"]
    groups = Groups(model.build(spec).eval(), spec)
    assert groups.macs_of(groups.widths) == groups.macs == model.macs(spec)
    net = model.build(spec).eval()
    groups = Groups(net, spec)
    counts = [max(8, width // 2) for width in groups.widths]
    for number, count in enumerate(counts):
        groups.prune(number, list(range(groups.widths[number] - count)))
    smaller = replace(spec, channels=net.channels())
    assert groups.macs_of(counts) == pytest.approx(model.macs(smaller), rel=1e-9)


def test_without_masks_channels_temporarily() -> None:
    """Within `without` the channels are zero; afterwards the weights are restored."""
    spec = ARCHITECTURES["edgenet"]
    net = model.build(spec).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    groups = Groups(net, spec)
    with groups.without(groups.widths.index(32), [1, 3]):
        maps = net.features[:3](torch.randn(1, 3, 32, 32))
        assert (maps[:, [1, 3]] == 0).all()
        assert maps[:, 0].abs().sum() > 0
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
