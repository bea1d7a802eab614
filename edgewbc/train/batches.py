"""Which training pictures come when, and the batches themselves: the same ones for the same seed, whatever was
interrupted and however many threads decode."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from edgewbc.data.augment import Ranges, augment
from edgewbc.data.images import read
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.pixels import Image, PixelSpec

AHEAD = 4  # batches that are prepared while the network is busy


def plan(labels: NDArray[np.int64], batch: int, balance: float, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """The batches of an epoch, as indices into the training pictures.

    An epoch draws as many pictures as there are. A class of c pictures gets a share in proportion to
    c ** (1 - balance); within a class every picture is drawn before any is drawn again.

    Args:
        labels: class index of each training picture, (n,).
        batch: pictures in a batch; an incomplete last batch is left out, if there is a complete one.
        balance: 0 draws the classes as they come, 1 draws them equally often.
    """
    rng = np.random.default_rng((seed, epoch))
    counts = np.bincount(labels)
    weights = np.where(counts > 0, np.maximum(counts, 1) ** (1.0 - balance), 0.0)
    shares = weights / weights.sum() * len(labels)
    quotas = np.floor(shares).astype(int)
    rest = len(labels) - quotas.sum()
    quotas[np.argsort(quotas - shares, kind="stable")[:rest]] += 1
    drawn = []
    for label, quota in enumerate(quotas):
        members = np.flatnonzero(labels == label)
        while quota > 0:
            drawn.append(rng.permutation(members)[:quota])
            quota -= len(members)
    order = rng.permutation(np.concatenate(drawn))
    full = len(order) // batch
    return [order[i * batch : (i + 1) * batch] for i in range(full)] if full else [order]


def views(
    manifest: Manifest,
    entries: Sequence[Entry],
    specs: Sequence[PixelSpec],
    batches: Sequence[NDArray[np.int64]],
    *,
    ranges: Ranges,
    seed: tuple[int, ...],
    first: int = 0,
    workers: int = 2,
) -> Iterator[tuple[tuple[NDArray[np.uint8], ...], NDArray[np.int64]]]:
    """Augmented pictures of each size, uint8 (n, h, w, 3), and indices (n,) of each batch from number `first` on.

    A picture is decoded once, and drawn at each size under the same changes. These come from (seed, number of the
    batch, place in it): a resumed epoch draws the same.
    """

    def one(number: int, place: int) -> tuple[Image, ...]:
        entry = entries[batches[number][place]]
        picture = read(manifest, entry)
        return tuple(
            augment(picture, spec, entry.box, ranges, np.random.default_rng((*seed, number, place))) for spec in specs
        )

    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[int, list[Future[tuple[Image, ...]]]]] = deque()

        def oldest() -> tuple[tuple[NDArray[np.uint8], ...], NDArray[np.int64]]:
            ready, parts = waiting.popleft()
            drawn = [part.result() for part in parts]
            return tuple(np.stack(each) for each in zip(*drawn, strict=True)), batches[ready]

        try:
            for number in range(first, len(batches)):
                waiting.append((number, [pool.submit(one, number, place) for place in range(len(batches[number]))]))
                if len(waiting) > AHEAD:
                    yield oldest()
            while waiting:
                yield oldest()
        finally:
            for _, parts in waiting:
                for part in parts:
                    part.cancel()
