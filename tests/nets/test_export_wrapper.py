"""Tests of edgewbc.nets.export_wrapper."""

import torch

from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.vgg import VGG16GAP
from edgewbc.pixels import PixelSpec


def test_scaling_is_the_reference_formula() -> None:
    """uint8 images become (x / 255 - mean) / std, channels first."""
    spec = PixelSpec(4, 5, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    images = torch.randint(0, 256, (2, 4, 5, 3), dtype=torch.uint8)
    wanted = (images.float() / 255 - torch.tensor(spec.mean)) / torch.tensor(spec.std)
    got = Deployed(VGG16GAP(2, (4, "M")), spec).normalize(images)
    torch.testing.assert_close(got, wanted.permute(0, 3, 1, 2), atol=1e-5, rtol=1e-5)


def test_outputs_are_consistent() -> None:
    """Probabilities are the softmax of the head at `features`, and `features` is the mean of `map`."""
    spec = PixelSpec(16, 16)
    net = VGG16GAP(3, (4, "M", 6)).eval()
    deployed = Deployed(net, spec)
    probabilities, features, maps = deployed(torch.randint(0, 256, (2, 16, 16, 3), dtype=torch.uint8))
    torch.testing.assert_close(features, maps.mean((2, 3)))
    torch.testing.assert_close(probabilities, net.head(features).softmax(1))
