"""The base class of all networks: `features` (convolutions), `pool` and `head` (dense layers)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Network(nn.Module):
    """Convolutions, a pooling into one vector, dense layers.

    Input: float32 (n, 3, h, w), normalized. Output: logits, (n, K).
    """

    features: nn.Sequential
    head: nn.Sequential

    def pool(self, maps: Tensor) -> Tensor:
        """Average the last feature map (n, c, h, w) over space: (n, c)."""
        return maps.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(self.features(x)))
        return logits

    def ends(self) -> tuple[int, ...]:
        """Return where each block ends, in layers of `features`; within a block the map size is constant."""
        raise NotImplementedError

    def channels(self) -> tuple[int | str, ...]:
        """Return `ModelSpec.channels` as read from the layers."""
        raise NotImplementedError

    def hidden(self) -> tuple[int, ...]:
        """Return `ModelSpec.head` as read from the layers."""
        return tuple(layer.out_features for layer in self.head if isinstance(layer, nn.Linear))[:-1]

    def folded(self) -> Network:
        """Return an equivalent network in the form `plain`, with batch norm and branches folded."""
        return self

    def train(self, mode: bool = True) -> Network:
        """Set the mode as usual, but keep batch norm with frozen weights in evaluation mode, so its statistics stay."""
        super().train(mode)
        for part in self.modules():
            if isinstance(part, _BatchNorm) and part.weight is not None and not part.weight.requires_grad:
                part.eval()
        return self


def dense(widths: Sequence[int], dropout: float = 0.0) -> nn.Sequential:
    """Return dense layers with ReLU and dropout between them; `widths` runs from the input to the output."""
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(zip(widths, widths[1:], strict=False)):
        if index:
            layers += [nn.ReLU(inplace=True)] + ([nn.Dropout(dropout)] if dropout else [])
        layers.append(nn.Linear(before, after))
    return nn.Sequential(*layers)


def initialize(module: nn.Module) -> None:
    """Initialize as He et al. 2015 (arXiv 1502.01852): deep ReLU networks without batch norm need this scale."""
    for part in module.modules():
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)


@torch.no_grad()
def fuse(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the convolution equivalent to `convolution` followed by `norm` in evaluation mode.

    Raises:
        ValueError: `norm` has no running statistics.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("batch norm without statistics cannot be folded")
    gain = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    before = torch.zeros_like(gain) if convolution.bias is None else convolution.bias.double()
    weight = convolution.weight.double() * gain.reshape(-1, 1, 1, 1)
    bias = norm.bias.double() + (before - norm.running_mean.double()) * gain
    return weight.float(), bias.float()
