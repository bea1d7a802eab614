"""Small networks of libraries with random weights, for tests."""

from __future__ import annotations

from typing import Any

import torch

from edgewbc.nets import model
from edgewbc.nets.library_network import LibraryNetwork
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec

SIDE = 32


def spec(arch: str, side: int = SIDE) -> ModelSpec:
    """Return the description of a network with two classes."""
    return ModelSpec(arch, ("a", "b"), PixelSpec(side, side), (), ())


def build(arch: str, side: int = SIDE) -> LibraryNetwork:
    """Build a network with random weights, in evaluation mode."""
    torch.manual_seed(0)
    net = model.build(spec(arch, side))
    assert isinstance(net, LibraryNetwork)
    net.eval()
    return net


def body(net: LibraryNetwork) -> Any:
    """Return the library's own network."""
    return net.features[0].net
