"""Blocks that stay as they are while the rest is trained, and what they give, computed once.

Where a picture is the same in every epoch (no random changes), so is the output of the frozen blocks: it is kept, and
an epoch costs only what is trained. This is "feature extraction" and "fine-tuning the last blocks" at their price.
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
from edgewbc.pixels import PixelSpec

LARGEST = 8 << 30
"""Bytes of maps that are kept in memory at most."""


def layers(net: nn.Module, blocks: int) -> int:
    """How many layers, from the first, the first `blocks` blocks of the base have (`Network.ends`)."""
    if blocks <= 0:
        return 0
    ends: tuple[int, ...] = net.ends()  # type: ignore[operator]
    return ends[min(blocks, len(ends)) - 1]


def freeze(net: nn.Module, blocks: int) -> None:
    """Leave the first `blocks` blocks of the base as they are while training."""
    net.requires_grad_(True)
    for part in list(net.get_submodule("features").children())[: layers(net, blocks)]:
        part.requires_grad_(False)


class Tail(nn.Module):
    """What comes after the frozen blocks; its weights are those of the network, not copies.

    Input: their maps, float (n, c, h, w). Output: logits, (n, K).
    """

    def __init__(self, net: nn.Module, blocks: int) -> None:
        super().__init__()
        self.rest = nn.Sequential(*list(net.get_submodule("features").children())[layers(net, blocks) :])
        self.head = net.get_submodule("head")
        self._pool: Callable[[Tensor], Tensor] = net.pool  # type: ignore[assignment]

    def forward(self, maps: Tensor) -> Tensor:
        logits: Tensor = self.head(self._pool(self.rest(maps)))
        return logits


@torch.no_grad()
def maps(
    net: nn.Module,
    blocks: int,
    manifest: Manifest,
    entries: Sequence[Entry],
    spec: PixelSpec,
    tensor: Callable[[NDArray[np.uint8]], Tensor],
    *,
    dtype: torch.dtype,
    batch: int = 64,
) -> Tensor:
    """The output of the first `blocks` blocks for each entry's picture, prepared as in evaluation.

    Args:
        tensor: prepared pictures, uint8 (n, h, w, 3), to what the network takes, on its device.
        dtype: float32 or bfloat16, in which it is computed and kept.

    Returns:
        (len(entries), c, h, w), on the CPU.

    Raises:
        UserError: it would not fit into memory.
    """
    first = nn.Sequential(*list(net.get_submodule("features").children())[: layers(net, blocks)])
    kept: Tensor | None = None
    done = 0
    for prepared in images.batches(manifest, entries, spec, batch):
        x = tensor(prepared)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            found = first(x).to("cpu", dtype)
        if kept is None:
            size = found[0].numel() * found.element_size() * len(entries)
            if size > LARGEST:
                raise UserError(
                    f"fit.cache_frozen: {size >> 20} MiB of maps for {len(entries)} pictures are too many: "
                    "turn it off, freeze more blocks or take a smaller input"
                )
            kept = torch.empty((len(entries), *found.shape[1:]), dtype=dtype)
        kept[done : done + len(found)] = found
        done += len(found)
    if kept is None:
        raise UserError("no pictures to compute the frozen blocks of")
    return kept
