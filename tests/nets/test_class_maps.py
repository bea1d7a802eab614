"""Class activation maps without torch equal the gradients of torch, for each architecture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from edgewbc.decision.class_map import class_maps
from edgewbc.decision.head import Head
from edgewbc.export import bundle_manifest
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ARCHITECTURES, LITE0, ModelSpec
from edgewbc.pixels import PixelSpec

CLASSES = ("neutrophil", "lymphocyte", "monocyte")
SMALL: dict[str, tuple[tuple[int | str, ...], tuple[int, ...], str]] = {
    "vgg16gap": ((6, "M", 8, "M"), (7, 5), "plain"),
    "vgg16flatten": ((6, "M", 8, "M"), (7, 5), "plain"),
    "edgenet": (("/", 6, "/", 8), (), "branches"),
    "efficientnet-lite0": (tuple(max(4, count // 40) for count in LITE0), (), "bn"),
}


def make(arch: str) -> tuple[Network, ModelSpec]:
    """Return a small network of random weights, in the form that is exported."""
    torch.manual_seed(3)
    channels, widths, form = SMALL[arch]
    spec = ModelSpec(arch, CLASSES, PixelSpec(32, 48, "whole"), channels, widths, form=form)
    net, spec = model.fold(model.build(spec).eval(), spec)
    with torch.no_grad():
        for layer in net.head:
            if isinstance(layer, torch.nn.Linear):
                torch.nn.init.normal_(layer.weight, 0, layer.in_features**-0.5)
                torch.nn.init.normal_(layer.bias, 0, 0.1)
        next(iter(net.features.parameters())).div_(60)  # the input is 0 to 255 minus its mean
    return net, spec


def noise() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_closed_form_equals_autograd(arch: str) -> None:
    """Part of each place = sum over channels of (gradient of the logit by the map) x map, to 1e-4 of the logits."""
    net, spec = make(arch)
    head = Head.from_arrays(bundle_manifest.head(net))
    _, features, maps = Deployed(net, spec.pixels)(torch.from_numpy(noise()))
    maps = maps.detach().requires_grad_()
    logits = net.head(net.pool(maps))
    largest = logits.detach().abs().max().item()
    assert largest > 0.05
    for number in range(2):
        closed = class_maps(head, features[number].detach().numpy(), maps[number].detach().numpy())
        for label in range(len(CLASSES)):
            (gradient,) = torch.autograd.grad(logits[number, label], maps, retain_graph=True)
            wanted = (gradient * maps).sum(1)[number].detach().numpy()
            assert closed.parts[label] == pytest.approx(wanted, abs=1e-4 * max(1, largest))
            assert closed.logits[label] == pytest.approx(logits[number, label].item(), abs=1e-4 * max(1, largest))
