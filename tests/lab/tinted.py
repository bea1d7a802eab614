"""Cells for tests of adaptation: images whose color tells their class, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgewbc.cells import CLASSES
from edgewbc.images.encode import encode
from edgewbc.pixels import Image

TINTS = ((200, 80, 80), (80, 200, 80), (80, 80, 200), (200, 200, 60), (190, 60, 190))


def tinted(label: int, seed: int, side: int = 20) -> Image:
    """Return an image of the color of a class, with noise and a spot, uint8 RGB (side, side, 3)."""
    random = np.random.default_rng([label, seed])
    pixels = np.array(TINTS[label]) + random.normal(0, 12, 3) + random.normal(0, 6, (side, side, 3))
    top, left = random.integers(2, side - 8, 2)
    pixels[top : top + 5, left : left + 5] -= 40
    return np.clip(pixels, 0, 255).astype(np.uint8)


def write_cells(folder: Path, counts: dict[str, int], first: int = 0) -> Path:
    """Write PNGs into one folder per class and return the folder."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for seed in range(first, first + count):
            (folder / name / f"{seed:03d}.png").write_bytes(encode(tinted(CLASSES.index(name), seed), ".png"))
    return folder
