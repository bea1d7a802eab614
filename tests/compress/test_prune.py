"""Structured pruning."""

import pytest
import torch

from edgewbc.compress.prune import shrink, taylor_gradients
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from tests.coloured import make_manifest

SPEC = ModelSpec("vgg16gap", tuple("abcde"), PixelSpec(16, 16), (32, "M", 64, 64, "M", 64), (12,))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return model.build(SPEC).eval()


@pytest.mark.parametrize("keep", [0.5, 0.25, 0.1])
def test_the_target_is_met_and_nearly_used(net, keep):
    """The multiply-adds stay below the target, by less than a third of it, in multiples of 8."""
    smaller, spec = shrink(net, SPEC, keep)
    share = model.macs(spec) / model.macs(SPEC)
    assert 0.67 * keep <= share <= keep
    assert all(int(c) % 8 == 0 for c in spec.channels if c != "M")
    assert spec.channels[1] == spec.channels[4] == "M"
    assert smaller(torch.zeros(2, 3, 16, 16)).shape == (2, 5)
    assert [p.shape for p in smaller.parameters()] == [p.shape for p in model.build(spec).parameters()]


def test_dead_channels_go_first_and_the_answer_stays():
    """Channels of zeros are what magnitude takes, so the pruned network answers as before."""
    torch.manual_seed(1)
    spec = ModelSpec("vgg16gap", ("a", "b"), PixelSpec(8, 8), (16, 16, "M"), (4,))
    net = model.build(spec).eval()
    with torch.no_grad():
        for index in (0, 2):
            net.features[index].weight[8:] = 0
            net.features[index].bias[8:] = 0
        net.features[2].weight[:, 8:] = 0
        net.head[0].weight[:, 8:] = 0
    smaller, found = shrink(net, spec, 0.4, round_to=8)
    assert found.channels == (8, 8, "M")
    x = torch.randn(3, 3, 8, 8)
    torch.testing.assert_close(smaller(x), net(x), atol=1e-5, rtol=1e-5)


def test_the_original_is_left_alone(net):
    """Pruning works on a copy."""
    before = {name: value.clone() for name, value in net.state_dict().items()}
    shrink(net, SPEC, 0.3)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_what_cannot_be_reached_is_said(net):
    """A target below what `most` allows is a user's error with the least that can be had."""
    with pytest.raises(UserError, match=r"0\.\d+ is the least that can be kept"):
        shrink(net, SPEC, 0.01, most=0.5)


def test_taylor_gradients_are_those_of_the_mean_loss(tmp_path):
    """Accumulated over batches, they equal one backward pass over all the pictures."""
    from torch.nn import functional

    from edgewbc.data import pictures
    from edgewbc.nets.deploy import Deployed

    manifest = make_manifest(tmp_path, per_class=9)
    torch.manual_seed(0)
    spec = ModelSpec("vgg16gap", manifest.classes, PixelSpec(16, 16), (8, "M", 8), (6,))
    net = model.build(spec)
    got = taylor_gradients(net, spec, manifest, 1000)
    entries = manifest.split("train")
    x = torch.cat([torch.from_numpy(b) for b in pictures.batches(manifest, entries, spec.pixels)])
    labels = torch.from_numpy(pictures.truth(manifest, entries, spec.classes))
    functional.cross_entropy(net(Deployed(net, spec.pixels).normalise(x)), labels).backward()
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(got[name], parameter.grad, atol=1e-4, rtol=1e-3)


def test_taylor_chooses_other_channels_than_magnitude(net):
    """Gradients that single out some channels decide which of them stay."""
    gradients = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    for name in gradients:
        gradients[name][: len(gradients[name]) // 2] = 1.0
    smaller, spec = shrink(net, SPEC, 0.3, gradients=gradients)
    kept = smaller.features[0].weight
    assert len(kept) <= 16
    assert torch.equal(kept, net.features[0].weight[: len(kept)]) or all(
        any(torch.equal(row, other) for other in net.features[0].weight[:16]) for row in kept
    )
