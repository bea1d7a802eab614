"""Latency of a live view: one image in memory at a time, from its pixels to its row.

`bench` times the network alone. Here the image of a camera is cropped, resized, measured and classified, and its row is
made, as `Classifier.classify` does for an array.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgewbc.bench.row import LatencyPercentiles
from edgewbc.bench.summary import percentiles
from edgewbc.bench.timing import one_by_one
from edgewbc.lab.classify import LoadedBundle
from edgewbc.pixels import Image

IMAGES = 64
"""Number of different images, used over and over."""


def latency(model: LoadedBundle, images: Sequence[Image], seconds: float) -> LatencyPercentiles:
    """Time single images one after the other.

    Args:
        model: the bundle, compiled.
        images: decoded, uint8 RGB (height, width, 3), at least one.
        seconds: duration; at least `timing.MIN_SAMPLES` images are timed.

    Returns:
        percentiles of the milliseconds of an image.
    """
    return percentiles(one_by_one(model.now, images, seconds))
