"""Tests of `edgewbc.compress.prune` and `edgewbc.compress.channel_groups`."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn

from edgewbc.compress.prune import prunable, shrink, taylor_gradients, train_loss
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from tests.colored import make_manifest
from tests.compress.architectures import ARCHITECTURES

SPEC = ModelSpec("vgg16gap", tuple("abcde"), PixelSpec(16, 16), (32, "M", 64, 64, "M", 64), (12,))


@pytest.fixture(scope="module")
def net() -> Network:
    """Return the network of `SPEC` with random weights."""
    torch.manual_seed(0)
    return model.build(SPEC).eval()


@pytest.mark.parametrize("keep", [0.5, 0.25, 0.1])
def test_multiply_adds_are_just_below_the_target(net: Network, keep: float) -> None:
    """The multiply-adds are at most a third below the target; channel counts are multiples of 8."""
    smaller, spec = shrink(net, SPEC, keep)
    share = model.macs(spec) / model.macs(SPEC)
    assert 0.67 * keep <= share <= keep
    assert all(int(c) % 8 == 0 for c in spec.channels if c != "M")
    assert spec.channels[1] == spec.channels[4] == "M"
    assert smaller(torch.zeros(2, 3, 16, 16)).shape == (2, 5)
    assert [p.shape for p in smaller.parameters()] == [p.shape for p in model.build(spec).parameters()]


def test_zero_channels_are_pruned_first() -> None:
    """Ranking by magnitude removes channels of zeros first, so the output does not change."""
    torch.manual_seed(1)
    spec = ModelSpec("vgg16gap", ("a", "b"), PixelSpec(8, 8), (16, 16, "M"), (4,))
    net = model.build(spec).eval()
    with torch.no_grad():
        for name in ("features.0.weight", "features.0.bias", "features.2.weight", "features.2.bias"):
            net.get_parameter(name)[8:] = 0
        for name in ("features.2.weight", "head.0.weight"):
            net.get_parameter(name)[:, 8:] = 0
    smaller, found = shrink(net, spec, 0.4, round_to=8)
    assert found.channels == (8, 8, "M")
    x = torch.randn(3, 3, 8, 8)
    torch.testing.assert_close(smaller(x), net(x), atol=1e-5, rtol=1e-5)


def test_original_network_is_unchanged(net: Network) -> None:
    """Pruning works on a copy."""
    before = {name: value.clone() for name, value in net.state_dict().items()}
    shrink(net, SPEC, 0.3)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_unreachable_target_is_an_error(net: Network) -> None:
    """A target below what `most` allows is a UserError that names the smallest share."""
    with pytest.raises(UserError, match=r"0\.\d+ is the smallest share that can be kept"):
        shrink(net, SPEC, 0.01, most=0.5)


def test_taylor_gradients_are_those_of_the_mean_loss(tmp_path: Path) -> None:
    """Gradients accumulated over batches equal those of one backward pass over all images."""
    from torch.nn import functional

    from edgewbc.data import images
    from edgewbc.nets.export_wrapper import Deployed

    manifest = make_manifest(tmp_path, per_class=9)
    torch.manual_seed(0)
    spec = ModelSpec("vgg16gap", manifest.classes, PixelSpec(16, 16), (8, "M", 8), (6,))
    net = model.build(spec)
    got = taylor_gradients(net, spec, manifest, 1000)
    entries = manifest.split("train")
    x = torch.cat([torch.from_numpy(b) for b in images.batches(manifest, entries, spec.pixels)])
    labels = torch.from_numpy(images.truth(manifest, entries, spec.classes))
    torch.autograd.backward(functional.cross_entropy(net(Deployed(net, spec.pixels).normalize(x)), labels))
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(got[name], parameter.grad, atol=1e-4, rtol=1e-3)


def test_taylor_chooses_other_channels_than_magnitude(net: Network) -> None:
    """Channels with non-zero gradients are kept."""
    gradients = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    for name in gradients:
        gradients[name][: len(gradients[name]) // 2] = 1.0
    smaller, spec = shrink(net, SPEC, 0.3, gradients=gradients)
    kept, before = (each.get_parameter("features.0.weight") for each in (smaller, net))
    assert len(kept) <= 16
    assert all(any(torch.equal(row, other) for other in before[:16]) for row in kept)


@pytest.mark.parametrize("spec", ARCHITECTURES.values(), ids=ARCHITECTURES)
@pytest.mark.parametrize("ranking", ["layer", "macs"])
def test_every_architecture(spec: ModelSpec, ranking: Literal["layer", "macs"]) -> None:
    """The pruned network has the same class, meets the target in multiples of 8, and runs."""
    torch.manual_seed(0)
    net = model.build(spec).eval()
    smaller, found = shrink(net, spec, 0.4, ranking=ranking)
    assert 0.2 <= model.macs(found) / model.macs(spec) <= 0.4
    assert all(c == d or d % 8 == 0 for c, d in zip(spec.channels, found.channels, strict=True) if isinstance(c, int))
    assert smaller(torch.zeros(2, 3, spec.pixels.height, spec.pixels.width)).shape == (2, 3)
    assert type(smaller) is type(net)
    assert [p.shape for p in smaller.parameters()] == [p.shape for p in model.build(found).parameters()]


def test_branches_are_folded_before_pruning() -> None:
    """`shrink` refuses a network with branches; `prunable` folds them without changing the output."""
    spec = replace(ARCHITECTURES["edgenet"], form="branches")
    net = model.build(spec).eval()
    with pytest.raises(ValueError, match="fold the branches"):
        shrink(net, spec, 0.5)
    plain, found = prunable(net, spec)
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(plain(x), net(x), atol=1e-5, rtol=1e-4)
    assert found.form == "plain"
    assert prunable(plain, found) == (plain, found)


def test_sensitive_layers_keep_their_channels(tmp_path: Path) -> None:
    """A layer whose removal does not raise the loss is pruned before one whose removal does."""
    torch.manual_seed(0)
    manifest = make_manifest(tmp_path, per_class=4)
    spec = ModelSpec("edgenet", manifest.classes, PixelSpec(16, 16), ("/", 32, 32, 32), ())
    net = model.build(spec).eval()
    real = train_loss(spec, manifest, 12)
    assert real(net) > 0

    def loss(other: nn.Module) -> float:
        """Return the number of masked channels of the second layer."""
        return float((other.get_parameter("features.2.weight").flatten(1).abs().sum(1) == 0).sum())

    _, found = shrink(net, spec, 0.5, ranking="sensitivity", loss=loss)
    assert found.channels[2] == 32
    assert int(found.channels[1]) < 32
    with pytest.raises(ValueError, match="needs a loss"):
        shrink(net, spec, 0.5, ranking="sensitivity")
