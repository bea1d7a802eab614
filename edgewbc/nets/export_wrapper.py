"""The network in its deployed form: uint8 NHWC RGB in, probabilities and features out; scaling and softmax inside."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgewbc.pixels import PixelSpec


class Deployed(nn.Module):
    """Wraps a network to take the output of `pixels.prepare`.

    Input: uint8, (n, height, width, 3), RGB.
    Output: probabilities (n, K), features (n, d: the pooled vector), map (n, c, h, w: the last feature map); float32.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, net: nn.Module, pixels: PixelSpec) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.tensor(pixels.mean).reshape(1, 3, 1, 1) * 255)
        self.register_buffer("scale", 1 / (torch.tensor(pixels.std).reshape(1, 3, 1, 1) * 255))

    def normalize(self, images: Tensor) -> Tensor:
        """Normalize uint8 (n, h, w, 3) to float32 (n, 3, h, w)."""
        return (images.permute(0, 3, 1, 2).float() - self.mean) * self.scale

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = self.net.features(self.normalize(images))  # type: ignore[operator]
        pooled = self.net.pool(maps)  # type: ignore[operator]
        return torch.softmax(self.net.head(pooled), 1), pooled, maps  # type: ignore[operator]
