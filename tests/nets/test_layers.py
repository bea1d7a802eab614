"""Tests of edgewbc.nets.layers."""

import functools

import pytest
import torch
from torch import nn

from edgewbc.cli.network_info import info, resolve
from edgewbc.nets import layers, model
from edgewbc.nets.spec import ARCHITECTURES, ModelSpec
from edgewbc.pixels import PixelSpec

KERAS = [1792, 36928, 73856, 147584, 295168, 590080, 590080, 1180160, *[2359808] * 5]
"""Parameters of VGG16's convolutions."""


def test_poster_vgg16_gap_parameters() -> None:
    """VGG16-GAP with four classes has the poster's 14,776,492 parameters, 61,804 of them in the dense layers."""
    found = info(resolve("vgg16gap", classes=4))
    assert found.parameters == found.trainable == 14_776_492
    assert found.parts == {"features": 14_714_688, "head": 61_804}
    convolutions = [layer for layer in found.layers if layer.kind == "conv"]
    assert [layer.parameters for layer in convolutions] == KERAS
    assert convolutions[-1].output == (512, 14, 14)
    assert [layer.parameters for layer in found.layers if layer.kind == "dense"] == [51_300, 10_100, 404]
    assert found.macs == 15_346_630_656 + 512 * 100 + 100 * 100 + 100 * 4


def test_original_vgg16_parameters() -> None:
    """VGG16 as it was published has 138,357,544 parameters, 123,642,856 of them in the dense layers."""
    found = info(resolve("vgg16"))
    assert (found.parameters, len(found.spec.classes)) == (138_357_544, 1000)
    dense = [layer.parameters for layer in found.layers if layer.kind == "dense"]
    assert dense == [102_764_544, 16_781_312, 4_097_000]
    assert found.layers[-4].output == (25_088,)


def test_efficientnet_lite0() -> None:
    """EfficientNet-Lite0 has 4,652,008 parameters, as in the published implementation."""
    found = info(resolve("efficientnet-lite0", classes=1000))
    assert found.parameters == 4_652_008
    assert found.layers[-2].output == (1280,)


def test_frozen_blocks_are_not_trainable() -> None:
    """With two blocks frozen, the first four convolutions do not count as trainable."""
    found = info(resolve("vgg16gap", classes=4), frozen=2)
    assert found.trainable == 14_776_492 - sum(KERAS[:4])


SMALL = {
    "vgg16gap": (4, "M", 6, "M"),
    "vgg16flatten": (4, "M", 6, "M"),
    "efficientnet-lite0": None,
    "edgenet": ("D", "/", 8, "/", 8, 8, "M", 16),
}


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("size", [(32, 40), (50, 34)])
def test_shapes_match_a_forward_pass(arch: str, size: tuple[int, int]) -> None:
    """The derived shapes equal those of a forward pass, in every form, at even and odd sizes of the maps."""
    for form in ARCHITECTURES[arch].forms:
        channels = SMALL[arch] or ARCHITECTURES[arch].channels
        spec = ModelSpec(arch, tuple("ab"), PixelSpec(*size), channels, (5,), form=form)
        net = model.build(spec).eval()
        seen: dict[str, tuple[int, ...]] = {}

        def look(
            part: nn.Module, x: object, y: torch.Tensor, name: str, seen: dict[str, tuple[int, ...]] = seen
        ) -> None:
            seen[name] = tuple(y.shape[1:])

        for name, part in net.named_modules():
            if isinstance(part, (nn.Conv2d, nn.Linear, nn.MaxPool2d, nn.BatchNorm2d, nn.PixelUnshuffle)):
                part.register_forward_hook(functools.partial(look, name=name))
        with torch.no_grad():
            net(torch.zeros(1, 3, *size))
        found = layers.layers(net, *size)
        assert {layer.name: layer.output for layer in found if layer.name != "pool"} == seen
        assert sum(layer.parameters for layer in found) == model.count(net)


def test_a_network_that_does_not_fit_its_input_is_rejected() -> None:
    """A head made for another input size is a ValueError."""
    spec = ModelSpec("vgg16flatten", tuple("ab"), PixelSpec(32, 32), (4, "M"), (5,))
    with pytest.raises(ValueError, match="the head takes 1024 values"):
        layers.layers(model.build(spec), 64, 64)
