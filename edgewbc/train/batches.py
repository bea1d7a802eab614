"""The order of the training images and their augmented batches.

Both follow from the seed alone: they are the same after an interruption, and with any number of worker threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from edgewbc.data.augment import AugmentRanges, augment
from edgewbc.data.images import read
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.data.prepare import preparer
from edgewbc.pixels import Image, PixelSpec

AHEAD = 4
"""Batches that are prepared in advance while the network is busy."""


def plan(
    labels: NDArray[np.int64],
    batch: int,
    balance: float,
    seed: int,
    epoch: int,
    microscopes: NDArray[np.int64] | None = None,
) -> list[NDArray[np.int64]]:
    """Return the batches of an epoch as indices into the training images.

    An epoch draws as many images as there are. A class of c images gets a share proportional to c ** (1 - balance),
    and within a class a microscope of m images one proportional to m ** (1 - balance); of those, every image is drawn
    once before any is drawn again.

    Args:
        labels: class index of each training image, (n,).
        batch: images per batch; an incomplete last batch is dropped unless it is the only one.
        balance: 0 draws the classes in their own proportions, 1 draws them equally often.
        seed: of the recipe.
        epoch: number of the epoch; each has its own order.
        microscopes: index of the microscope of each training image, (n,); None where there is one.
    """
    rng = np.random.default_rng((seed, epoch))
    sources = np.zeros_like(labels) if microscopes is None else microscopes
    drawn = []
    for label, of_class in enumerate(_quotas(np.bincount(labels), len(labels), balance)):
        its = labels == label
        for source, quota in enumerate(_quotas(np.bincount(sources[its]), of_class, balance)):
            members = np.flatnonzero(its & (sources == source))
            while quota > 0:
                drawn.append(rng.permutation(members)[:quota])
                quota -= len(members)
    order = rng.permutation(np.concatenate(drawn))
    full = len(order) // batch
    return [order[i * batch : (i + 1) * batch] for i in range(full)] if full else [order]


def _quotas(counts: NDArray[np.int64], total: int, balance: float) -> list[int]:
    """Divide `total` in proportion to counts ** (1 - balance), by largest remainders."""
    weights = np.where(counts > 0, np.maximum(counts, 1) ** (1.0 - balance), 0.0)
    if not weights.sum():
        return [0] * len(counts)
    shares = weights / weights.sum() * total
    quotas = np.floor(shares).astype(int)
    rest = total - quotas.sum()
    quotas[np.argsort(quotas - shares, kind="stable")[:rest]] += 1
    return [int(quota) for quota in quotas]


def augmented(
    manifest: Manifest,
    entries: Sequence[Entry],
    specs: Sequence[PixelSpec],
    batches: Sequence[NDArray[np.int64]],
    *,
    ranges: AugmentRanges,
    seed: tuple[int, ...],
    first: int = 0,
    place: int = 0,
    workers: int = 2,
) -> Iterator[tuple[tuple[NDArray[np.uint8], ...], NDArray[np.int64]]]:
    """Yield each batch of augmented images, once per input size, with its indices.

    An image is decoded once and drawn at each size under the same augmentation, which follows from (seed, number of the
    batch, place in the batch): a resumed epoch draws the same images.

    Args:
        manifest: that the images belong to.
        entries: the training images that `batches` indexes.
        specs: input sizes to draw.
        batches: indices of each batch, (n,) each.
        ranges: limits of the augmentation.
        seed: of the augmentation of this epoch.
        first: number of the first batch to yield.
        place: of a batch's first image: the batches of several processes are parts of larger ones.
        workers: threads that decode and augment.

    Yields:
        the images, uint8 (n, h, w, 3) for each of `specs`, and the indices (n,).
    """

    preparers = [preparer(manifest, spec) for spec in specs]

    def draw(number: int, index: int) -> tuple[Image, ...]:
        entry = entries[batches[number][index]]
        image = read(manifest, entry)
        drawn = []
        for spec, prepare in zip(specs, preparers, strict=True):
            source = prepare.source(image, entry)
            random = np.random.default_rng((*seed, number, place + index))
            drawn.append(augment(source, spec, entry.box, ranges, random, prepare.view(source, entry)))
        return tuple(drawn)

    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[int, list[Future[tuple[Image, ...]]]]] = deque()

        def oldest() -> tuple[tuple[NDArray[np.uint8], ...], NDArray[np.int64]]:
            number, parts = waiting.popleft()
            drawn = [part.result() for part in parts]
            return tuple(np.stack(each) for each in zip(*drawn, strict=True)), batches[number]

        try:
            for number in range(first, len(batches)):
                waiting.append((number, [pool.submit(draw, number, index) for index in range(len(batches[number]))]))
                if len(waiting) > AHEAD:
                    yield oldest()
            while waiting:
                yield oldest()
        finally:
            for _, parts in waiting:
                for part in parts:
                    part.cancel()
