"""A tiny labeled data set, made in milliseconds: discs in the color of their class on a pale background."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edgewbc.cells import CLASSES
from edgewbc.data.manifest import SPLITS, Entry, Manifest, Protocol, Provenance
from edgewbc.utils.files import sha256

COLORS = ((200, 60, 60), (60, 60, 200), (60, 160, 60), (220, 140, 20), (90, 30, 110))


def make_manifest(folder: Path, per_class: int = 8, side: int = 40, seed: int = 0) -> Manifest:
    """Make a manifest of five classes with `per_class` train images each, and half as many for val and for test."""
    rng = np.random.default_rng(seed)
    entries = []
    for label, color in zip(CLASSES, COLORS, strict=True):
        for split, count in zip(SPLITS, (per_class, per_class // 2, per_class // 2), strict=True):
            for number in range(count):
                image = rng.integers(215, 235, (side, side, 3), dtype=np.uint8)
                center = tuple(int(v) for v in rng.integers(side // 2 - 4, side // 2 + 5, 2))
                cv2.circle(image, center, int(rng.integers(side // 4, side // 3)), color, -1)
                path = folder / label / f"{split}{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
                relative = path.relative_to(folder).as_posix()
                entries.append(Entry(relative, label, relative, split, sha256(path)))
    return Manifest(folder, tuple(entries), CLASSES, Protocol.GROUPED, Provenance("colored", seed))
