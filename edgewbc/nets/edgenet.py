"""edgenet: a network for PCs without a GPU, with few plain 3 x 3 convolutions and early downsampling.

Int8 kernels of CPUs are fast at dense 3 x 3 convolutions whose channels fill whole registers, and slow at depthwise
convolutions, additions and large maps with few channels, so the network has none of those. During training, a
convolution may have a parallel 1 x 1 convolution and an identity, each with batch norm, which are folded into it
afterwards at no cost (RepVGG: Ding et al. 2021, arXiv 2101.03697). Batch norm is known to generalize worse to images
from another lab; folding does not change that.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgewbc.nets.network import Network, dense, fuse, initialize
from edgewbc.nets.spec import BRANCHED, EDGENET, PLAIN


class Pointwise(nn.Conv2d):
    """A strided 1 x 1 convolution that subsamples its input first.

    torch 2.14's backward pass of a 1 x 1 convolution of 3 channels with a stride, channels last, writes past its memory
    on a CPU (the heap is corrupted from 48 x 48 pixels on).
    """

    def forward(self, x: Tensor) -> Tensor:
        down, across = self.stride
        return functional.conv2d(x[:, :, ::down, ::across], self.weight, self.bias)


class Branches(nn.Module):
    """Sum of parallel branches with batch norm: 3 x 3 and 1 x 1 convolutions and, if shapes allow, the identity."""

    parallel = True

    def __init__(self, before: int, after: int, stride: int, form: str) -> None:
        super().__init__()
        self.wide = nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after))
        self.narrow: nn.Sequential | None = None
        self.same: nn.BatchNorm2d | None = None
        if form == BRANCHED:
            self.narrow = nn.Sequential(Pointwise(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
            if stride == 1 and before == after:
                self.same = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.wide(x)
        if self.narrow is not None:
            found = found + self.narrow(x)
        if self.same is not None:
            found = found + self.same(x)
        return found

    @torch.no_grad()
    def folded(self) -> nn.Conv2d:
        """Return one convolution with a bias, equivalent to all branches in evaluation mode."""
        wide, norm = self.wide[0], self.wide[1]
        assert isinstance(wide, nn.Conv2d)  # noqa: S101
        assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101
        weight, bias = fuse(wide, norm)
        if self.narrow is not None:
            more, extra = fuse(*self.narrow)  # type: ignore[arg-type]
            weight[:, :, 1:2, 1:2] += more
            bias += extra
        if self.same is not None:
            identity = nn.Conv2d(wide.in_channels, wide.out_channels, 1, bias=False)
            nn.init.dirac_(identity.weight)
            more, extra = fuse(identity, self.same)
            weight[:, :, 1:2, 1:2] += more
            bias += extra
        plain = nn.Conv2d(wide.in_channels, wide.out_channels, 3, int(wide.stride[0]), 1)
        plain.weight.copy_(weight)
        assert plain.bias is not None  # noqa: S101
        plain.bias.copy_(bias)
        return plain


class EdgeNet(Network):
    """3 x 3 convolutions with ReLU -> global average pooling -> Dense K.

    Input: float32 (n, 3, h, w), normalized. Output: logits, (n, K).

    Args:
        channels: of the convolutions, in order; "/" lets the next one halve height and width, "M" is a 2 x 2 max
            pooling, "D" moves 2 x 2 pixels into channels (h and w must be even there).
        form: `branches` or `bn` to train from random weights, `plain` once folded.

    Raises:
        ValueError: "D" comes after a convolution.
    """

    def __init__(
        self,
        classes: int,
        channels: Sequence[int | str] = EDGENET,
        head: Sequence[int] = (),
        dropout: float = 0.0,
        form: str = BRANCHED,
    ) -> None:
        super().__init__()
        self._classes, self._dropout = classes, dropout
        self._layout = tuple(channels)
        parts: list[nn.Module] = []
        before, stride = 3, 1
        for item in channels:
            if item == "/":
                stride = 2
            elif item == "M":
                parts.append(nn.MaxPool2d(2))
            elif item == "D":
                if any(isinstance(part, (nn.Conv2d, Branches)) for part in parts):
                    raise ValueError("D may stand before the first convolution only")
                parts.append(nn.PixelUnshuffle(2))
                before *= 4
            else:
                after = int(item)
                plain = form == PLAIN
                parts.append(nn.Conv2d(before, after, 3, stride, 1) if plain else Branches(before, after, stride, form))
                parts.append(nn.ReLU(inplace=True))
                before, stride = after, 1
        self.features = nn.Sequential(*parts)
        self.head = dense([before, *head, classes], dropout)
        initialize(self)

    def ends(self) -> tuple[int, ...]:
        """Return where each block ends: before the layer that reduces the size of the map."""
        found = []
        layer, seen = 0, False
        for item in self._layout:
            if isinstance(item, str):
                if seen:
                    found.append(layer)
                seen = False
                layer += item != "/"
            else:
                layer, seen = layer + 2, True
        return (*found, layer)

    def channels(self) -> tuple[int | str, ...]:
        widths = iter([_width(part) for part in self.features if isinstance(part, (nn.Conv2d, Branches))])
        return tuple(item if isinstance(item, str) else next(widths) for item in self._layout)

    def folded(self) -> EdgeNet:
        plain = EdgeNet(self._classes, self.channels(), self.hidden(), self._dropout, PLAIN)
        for ours, theirs in zip(plain.features, self.features, strict=True):
            if isinstance(theirs, (nn.Conv2d, Branches)):
                ours.load_state_dict((theirs.folded() if isinstance(theirs, Branches) else theirs).state_dict())
        plain.head.load_state_dict(self.head.state_dict())
        return plain.train(self.training)  # type: ignore[return-value]


def _width(part: nn.Module) -> int:
    convolution = part.wide[0] if isinstance(part, Branches) else part
    assert isinstance(convolution, nn.Conv2d)  # noqa: S101
    return convolution.out_channels
