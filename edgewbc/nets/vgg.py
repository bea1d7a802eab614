"""VGG16 with global average pooling, and its predecessor with a flattening layer.

Simonyan and Zisserman 2015 (arXiv 1409.1556), configuration D, without batch norm. Channel counts are parameters, so
that a pruned network is the same class with other counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from edgewbc.nets.network import Network, dense, initialize
from edgewbc.nets.spec import VGG16 as VGG16

Channels = Sequence[int | str]
"""Output channels of each 3 x 3 convolution, in order, with "M" for each 2 x 2 max pooling."""


def base(channels: Channels) -> nn.Sequential:
    """Return the convolutional base; its keys are torchvision's (`0.weight`, `0.bias`, `2.weight`, ...)."""
    layers: list[nn.Module] = []
    width = 3
    for item in channels:
        if item == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(width, int(item), 3, padding=1), nn.ReLU(inplace=True)]
            width = int(item)
    return nn.Sequential(*layers)


class _VGG(Network):
    """Methods shared by both networks."""

    def ends(self) -> tuple[int, ...]:
        """Return where each block ends: after its pooling layer."""
        return tuple(i + 1 for i, part in enumerate(self.features) if isinstance(part, nn.MaxPool2d))

    def channels(self) -> tuple[int | str, ...]:
        found: list[int | str] = []
        for part in self.features:
            if isinstance(part, nn.Conv2d):
                found.append(part.out_channels)
            elif isinstance(part, nn.MaxPool2d):
                found.append("M")
        return tuple(found)


class VGG16GAP(_VGG):
    """VGG16 base -> global average pooling -> Dense 100 -> Dense 100 -> Dense K.

    Input: float32 (n, 3, h, w), normalized, h and w at least 32. Output: logits, (n, K).
    """

    def __init__(
        self, classes: int, channels: Channels = VGG16, head: Sequence[int] = (100, 100), dropout: float = 0.0
    ) -> None:
        super().__init__()
        last = [int(c) for c in channels if c != "M"][-1]
        self.features = base(channels)
        self.head = dense([last, *head, classes], dropout)
        initialize(self)


class VGG16Flatten(_VGG):
    """The poster's network before GAP: VGG16 base -> Flatten (25,088 at 224 x 224) -> 4096 -> 4096 -> Dense K.

    Input: float32 (n, 3, height, width), normalized. Output: logits, (n, K).

    The dense layers are initialized from N(0, 0.01 ** 2) (Simonyan and Zisserman 2015): activations of the base reach
    several hundred, and with a larger scale the first training steps would destroy its pretrained weights.
    """

    def __init__(
        self,
        classes: int,
        channels: Channels = VGG16,
        head: Sequence[int] = (4096, 4096),
        dropout: float = 0.5,
        height: int = 224,
        width: int = 224,
    ) -> None:
        super().__init__()
        counts = [int(c) for c in channels if c != "M"]
        pools = len(channels) - len(counts)
        self.features = base(channels)
        self.head = dense([counts[-1] * (height >> pools) * (width >> pools), *head, classes], dropout)
        initialize(self)
        for layer in self.head:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, 0, 0.01)

    def pool(self, maps: Tensor) -> Tensor:
        """Flatten the last feature map (n, c, h, w): (n, c * h * w)."""
        return maps.flatten(1)
