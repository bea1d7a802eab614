"""Observations of images, made up: what a profile is learned from."""

from __future__ import annotations

import numpy as np

from edgewbc.smear.gauge import Gauge, ImageObservation


def seen(nucleus: float, green: float = 1.6, side: int = 300, level: int = 240, red: float = 0.0) -> ImageObservation:
    """One image with one cell."""
    gauge = Gauge(np.array([level] * 3, np.uint8), (), side, side)
    return ImageObservation(gauge, (nucleus,), ((1.0, green, 0.5),), (red,) * 4 if red else ())


def varied(count: int, nucleus: float, **other: float) -> list[ImageObservation]:
    """Images of one microscope, whose nuclei vary by a quarter."""
    sizes = nucleus * np.exp(np.random.default_rng(count).normal(0, 0.12, count))
    return [seen(float(size), **other) for size in sizes]  # type: ignore[arg-type]
