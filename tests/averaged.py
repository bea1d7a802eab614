"""A tiny bundle that takes labels from the mean of its views, and cells that it labels otherwise than by one view."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.manifest import FORMAT
from edgewbc.cells import CLASSES
from edgewbc.pixels import Image, PixelSpec
from edgewbc.smear import learning
from edgewbc.smear.views import Views
from edgewbc.synth.cells import draw_cell
from edgewbc.synth.smear import Slide
from tests.tiny import encode, make_bundle

VIEWS = Views(4, (0.8, 1.25))
SLIDE = Slide.draw(np.random.default_rng(5))
SEED = 4
"""Of the network's weights: by the mean it labels two of the ten cells otherwise than by the upright view."""
UPRIGHT = (4, 0, 0, 0, 4, 0, 4, 4, 0, 4)
MEAN = (0, 0, 4, 0, 4, 0, 4, 4, 0, 4)
"""Class indices of the ten cells by the upright view, and by the mean."""


@cache
def cells(count: int = 10) -> tuple[Image, ...]:
    """Return images of one cell each, 150 x 150."""
    return tuple(draw_cell(CLASSES[seed % 5], np.random.default_rng(seed), 150, SLIDE) for seed in range(count))


@cache
def spec() -> PixelSpec:
    """Return a crop whose reference is the microscope of the cells."""
    profile = learning.learn(cells())
    assert profile is not None
    return PixelSpec(24, 24, crop="cell", size=150, reference=profile.reference)


def averaged_bundle(folder: Path, label_from: str = "mean", **manifest: Any) -> Bundle:
    """Write a bundle that looks at `VIEWS`; its network is the same for both rules of `label_from`."""
    entries: dict[str, Any] = {"views": VIEWS.to_json(), "label_from": label_from, "format": FORMAT, **manifest}
    return make_bundle(folder, spec=spec(), seed=SEED, **entries)


def write(folder: Path) -> list[Path]:
    """Write the cells as PNGs, and return their paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:02d}.png" for number in range(len(cells()))]
    for path, image in zip(paths, cells(), strict=True):
        path.write_bytes(encode(image))
    return paths
