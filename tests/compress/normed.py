"""A tiny network of each architecture, in the form used for training, with non-trivial batch norm statistics."""

from __future__ import annotations

import torch
from torch import nn

from edgewbc.nets import model
from edgewbc.nets.network import Network
from edgewbc.nets.spec import LITE0, ModelSpec
from edgewbc.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelSpec

_PIXELS = PixelSpec(32, 32, mean=IMAGENET_MEAN, std=IMAGENET_STD)
_CLASSES = tuple("abcde")
SPECS = {
    "vgg16gap": ModelSpec("vgg16gap", _CLASSES, _PIXELS, (8, "M", 16), (10,)),
    "efficientnet-lite0": ModelSpec(
        "efficientnet-lite0", _CLASSES, _PIXELS, tuple(max(8, int(c) // 16) for c in LITE0), (), form="bn"
    ),
    "edgenet": ModelSpec("edgenet", _CLASSES, _PIXELS, ("/", 8, 16, "/", 16), (), form="branches"),
}
LAYERS = {"vgg16gap": 4, "efficientnet-lite0": 50, "edgenet": 4}
"""Number of convolutions and dense layers after folding."""


def normed(arch: str) -> tuple[Network, ModelSpec]:
    """Return a network in evaluation mode, with batch norm statistics of random images, and its description."""
    spec = SPECS[arch]
    net = built(spec, batches=10)
    with torch.no_grad():
        list(net.head.parameters())[-2].mul_(0.1)  # weights of the last layer; keeps probabilities away from 0 and 1
    return net, spec


def built(spec: ModelSpec, batches: int) -> Network:
    """Return a reproducible network in evaluation mode with batch norm statistics of random images."""
    torch.manual_seed(1)
    net = model.build(spec)
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.normal_(part.bias, 0, 0.3)
        for _ in range(batches):
            net.train()(torch.randn(8, 3, spec.pixels.height, spec.pixels.width))
    net.eval()
    return net
