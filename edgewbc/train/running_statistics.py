"""Running statistics of batch normalization that fit the network in short trainings too.

In training, layers normalize by each batch; afterwards, by running statistics, an exponential moving average over the
batches. EfficientNet-Lite keeps 99 % of it in every step, so after a few hundred cells it would still be that of the
start weights, and a network that has learned would predict little better than chance.
"""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class RunningStatistics:
    """Sets the weight of a new batch in the running statistics of a network's batch normalization, step by step."""

    def __init__(self, net: nn.Module) -> None:
        """Note each layer's own weight (PyTorch's `momentum`); layers that average over all batches need nothing."""
        self._layers = [
            (part, part.momentum)
            for part in net.modules()
            if isinstance(part, _BatchNorm) and part.track_running_stats and part.momentum is not None
        ]

    def before(self, step: int) -> None:
        """Set the weight for a step, from 0: 9 / (10 + step), and never less than the layer's own.

        It is the recursion by which a moving average of the weights forgets its start (`fit.average`).
        """
        for layer, own in self._layers:
            layer.momentum = max(own, 9 / (10 + step))

    def restore(self) -> None:
        """Give each layer its own weight again."""
        for layer, own in self._layers:
            layer.momentum = own
