"""EfficientNet-Lite0: inverted residual blocks without squeeze-and-excitation, with ReLU6, for phones and int8.

Tan and Le 2019 (arXiv 1905.11946) and Google's `efficientnet/lite`: fixed stem and last layer, TensorFlow's "same"
padding, batch norm with epsilon 1e-3. Channel counts are parameters; kernel sizes and strides are fixed.
Batch norm is folded for export; it is known to generalize worse to images from another lab.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgewbc.nets.network import Network, dense, fuse, initialize
from edgewbc.nets.spec import LITE0, NORMED, PLAIN

BLOCKS = (
    (3, 1), (3, 2), (3, 1), (5, 2), (5, 1), (3, 2), (3, 1), (3, 1), (5, 1), (5, 1), (5, 1), (5, 2), (5, 1), (5, 1),
    (5, 1), (3, 1),
)  # fmt: skip
"""Kernel size and stride of the depthwise convolution of each of the 16 blocks."""
_OUTPUTS = (LITE0[1], *LITE0[3:-1:2])
SHORTCUTS = tuple(
    stride == 1 and before == after
    for before, after, (_, stride) in zip((LITE0[0], *_OUTPUTS), _OUTPUTS, BLOCKS, strict=False)
)
"""Whether each block has a shortcut. Sizes that happen to be equal in a pruned network make none."""
ENDS = (2, 4, 6, 12, 18)
"""Layers of `features` after which a block (in the sense of `Network.ends`) ends: the stem is layer 1."""


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: ceil(size / stride) outputs, odd padding bottom and right."""

    same = True

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = (
            _pads(size, kernel, stride)
            for size, kernel, stride in zip(x.shape[-2:], self.kernel_size, self.stride, strict=True)
        )
        padding = (top, left)
        if (top, left) != (bottom, right):
            x, padding = functional.pad(x, (left, right, top, bottom)), (0, 0)
        return functional.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups)


class Inverted(nn.Module):
    """Inverted residual block: 1 x 1 expansion, depthwise convolution, 1 x 1 projection; in most blocks a shortcut."""

    def __init__(
        self, before: int, expanded: int, after: int, kernel: int, stride: int, form: str, *, shortcut: bool
    ) -> None:
        super().__init__()
        if expanded:
            self.expand: nn.Sequential | None = _unit(before, expanded, 1, 1, form)
        else:
            self.expand, expanded = None, before
        self.depthwise = _unit(expanded, expanded, kernel, stride, form, groups=expanded)
        self.project = _unit(expanded, after, 1, 1, form, active=False)
        self.adds = shortcut and before == after

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = x if self.expand is None else self.expand(x)
        if inner.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            # oneDNN's backward pass of a depthwise convolution is several times slower in bfloat16 than in float32.
            with torch.autocast("cpu", enabled=False):
                inner = self.depthwise(inner.float())
        else:
            inner = self.depthwise(inner)
        inner = self.project(inner)
        return x + inner if self.adds else inner


class EfficientNetLite0(Network):
    """Stem -> 16 inverted residual blocks -> 1 x 1 convolution -> global average pooling -> Dense K.

    Input: float32 (n, 3, h, w), normalized. Output: logits, (n, K).

    Args:
        channels: output channels of the stem, of the first block, (expanded, output) of the other 15 blocks, and of
                the last convolution.
        form: `bn`, or `plain` with batch norm folded.

    Raises:
        ValueError: the number of channel counts is not 33.
    """

    def __init__(
        self,
        classes: int,
        channels: Sequence[int | str] = LITE0,
        head: Sequence[int] = (),
        dropout: float = 0.0,
        form: str = NORMED,
    ) -> None:
        super().__init__()
        counts = [int(c) for c in channels]
        if len(counts) != len(LITE0):
            raise ValueError(f"{len(counts)} channel counts: efficientnet-lite0 has {len(LITE0)}")
        self._made = (classes, dropout)
        stem, first, *inner, last = counts
        pairs = [(0, first), *zip(inner[::2], inner[1::2], strict=True)]
        parts: list[nn.Module] = [_unit(3, stem, 3, 2, form)]
        before = stem
        for (expanded, after), (kernel, stride), shortcut in zip(pairs, BLOCKS, SHORTCUTS, strict=True):
            parts.append(Inverted(before, expanded, after, kernel, stride, form, shortcut=shortcut))
            before = after
        parts.append(_unit(before, last, 1, 1, form))
        self.features = nn.Sequential(*parts)
        self.head = dense([last, *head, classes], dropout)
        initialize(self)

    def ends(self) -> tuple[int, ...]:
        return ENDS

    def channels(self) -> tuple[int | str, ...]:
        found = []
        for unit in _units(self.features):
            convolution = unit[0]
            assert isinstance(convolution, nn.Conv2d)  # noqa: S101
            if convolution.groups == 1:  # a depthwise convolution has the channels of the one before it
                found.append(convolution.out_channels)
        return tuple(found)

    def folded(self) -> EfficientNetLite0:
        classes, dropout = self._made
        plain = EfficientNetLite0(classes, self.channels(), self.hidden(), dropout, PLAIN)
        for ours, theirs in zip(_units(plain.features), _units(self.features), strict=True):
            convolution, given = ours[0], theirs[0]
            assert isinstance(convolution, nn.Conv2d)  # noqa: S101
            assert isinstance(given, nn.Conv2d)  # noqa: S101
            norm = next((part for part in theirs if isinstance(part, nn.BatchNorm2d)), None)
            weight, bias = (given.weight, given.bias) if norm is None else fuse(given, norm)
            with torch.no_grad():
                convolution.weight.copy_(weight)
                if convolution.bias is not None and bias is not None:
                    convolution.bias.copy_(bias)
        plain.head.load_state_dict(self.head.state_dict())
        return plain.train(self.training)  # type: ignore[return-value]


def _pads(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the zeros to pad before and after, so that an axis of `size` has ceil(size / stride) outputs."""
    total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return total // 2, total - total // 2


def _unit(
    before: int, after: int, kernel: int, stride: int, form: str, *, groups: int = 1, active: bool = True
) -> nn.Sequential:
    """Build a convolution with batch norm (a bias instead if the form is `plain`), followed by ReLU6 if `active`."""
    parts: list[nn.Module] = [SameConv2d(before, after, kernel, stride, groups=groups, bias=form == PLAIN)]
    if form != PLAIN:
        parts.append(nn.BatchNorm2d(after, eps=1e-3, momentum=0.01))
    return nn.Sequential(*parts, nn.ReLU6(inplace=True)) if active else nn.Sequential(*parts)


def _units(parts: Iterable[nn.Module]) -> Iterator[nn.Sequential]:
    """Yield each convolution, together with its batch norm and activation, in order."""
    return chain.from_iterable(
        (part,)
        if isinstance(part, nn.Sequential)
        else (unit for unit in part.children() if isinstance(unit, nn.Sequential))
        for part in parts
    )
