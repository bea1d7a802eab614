"""Frozen blocks of a network, and their output computed once.

Without augmentation an image is the same in every epoch, and so is the output of the frozen blocks. It is kept in
memory, and an epoch costs only the layers that are trained: feature extraction, or fine-tuning of the last blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.nets.network import Network
from edgewbc.pixels import PixelSpec

MAX_BYTES = 8 << 30
"""Largest size in bytes of the feature maps of one split."""


def layer_count(net: Network, blocks: int) -> int:
    """Return the number of layers in the first `blocks` blocks of the base (see `Network.ends`)."""
    if blocks <= 0:
        return 0
    ends = net.ends()
    return ends[min(blocks, len(ends)) - 1]


def freeze(net: Network, blocks: int) -> None:
    """Exclude the first `blocks` blocks of the base from training; all other parameters are trained."""
    net.requires_grad_(True)
    for part in list(net.features.children())[: layer_count(net, blocks)]:
        part.requires_grad_(False)


class Tail(nn.Module):
    """The layers after the frozen blocks; shares its weights with the network.

    Input: feature maps, float (n, c, h, w). Output: logits, (n, K).
    """

    def __init__(self, net: Network, blocks: int) -> None:
        """Take the layers of `net` after its first `blocks` blocks."""
        super().__init__()
        self.rest = nn.Sequential(*list(net.features.children())[layer_count(net, blocks) :])
        self.head = net.head
        self._pool: Callable[[Tensor], Tensor] = net.pool

    def forward(self, maps: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.head(self._pool(self.rest(maps)))
        return logits


@torch.no_grad()
def feature_maps(
    net: Network,
    blocks: int,
    manifest: Manifest,
    entries: Sequence[Entry],
    spec: PixelSpec,
    to_input: Callable[[NDArray[np.uint8]], Tensor],
    *,
    dtype: torch.dtype,
    batch: int = 64,
) -> Tensor:
    """Compute the output of the first `blocks` blocks for the image of each entry, prepared as in evaluation.

    Args:
        net: whose blocks are computed.
        blocks: number of blocks.
        manifest: that the entries belong to.
        entries: images to compute.
        spec: input of the network.
        to_input: turns prepared images, uint8 (n, h, w, 3), into the network's input on its device.
        dtype: float32 or bfloat16, for computation and storage.
        batch: images per batch.

    Returns:
        (len(entries), c, h, w), on the CPU.

    Raises:
        UserError: the result would be larger than `MAX_BYTES`.
    """
    frozen = nn.Sequential(*list(net.features.children())[: layer_count(net, blocks)])
    kept: Tensor | None = None
    done = 0
    for prepared in images.batches(manifest, entries, spec, batch):
        x = to_input(prepared)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            maps = frozen(x).to("cpu", dtype)
        if kept is None:
            size = maps[0].numel() * maps.element_size() * len(entries)
            if size > MAX_BYTES:
                raise UserError(
                    f"fit.cache_frozen: the feature maps of {len(entries)} images take {size >> 20} MiB, more than "
                    f"{MAX_BYTES >> 20} MiB: turn it off, freeze more blocks or use a smaller input"
                )
            kept = torch.empty((len(entries), *maps.shape[1:]), dtype=dtype)
        kept[done : done + len(maps)] = maps
        done += len(maps)
    if kept is None:
        raise UserError("there are no images to compute the frozen blocks of")
    return kept
