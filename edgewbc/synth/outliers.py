"""Images of no cell, made of images of cells: what a network should not name with confidence.

Two cells in one image, one half of each, the detail of one on the colors of another, and the surroundings without their
cell. They stand for overlapping, damaged and missing cells. Changes of light, sharpness and scale are not among them:
those make another microscope, not another kind of cell.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

SYNTHETIC = "synthetic"
"""Name of their kind."""


def outliers(prepared: NDArray[np.uint8], labels: Sequence[str], seed: int = 0) -> dict[str, NDArray[np.uint8]]:
    """Return images by the way they were made, each uint8 (n, h, w, 3).

    Args:
        prepared: images of single cells, (n, h, w, 3), of two classes or more.
        labels: their classes; the second cell of an image is of another one.
        seed: of the choice of the second cells.
    """
    random, names = np.random.default_rng(seed), np.asarray(labels)
    partner = np.array([random.choice(np.flatnonzero(names != name)) for name in names])
    (height, width), others = prepared.shape[1:3], prepared[partner]
    halves = prepared.copy()
    halves[:, :, width // 2 :] = others[:, :, width // 2 :]
    erased = prepared.copy()
    rows, columns = slice(height // 4, -(height // 4) or None), slice(width // 4, -(width // 4) or None)
    erased[:, rows, columns] = np.median(prepared.reshape(len(prepared), -1, 3), axis=1).astype(np.uint8)[:, None, None]
    detail = _smooth(prepared) + others - _smooth(others)
    return {
        "mixed": ((prepared.astype(np.uint16) + others) // 2).astype(np.uint8),
        "halves": halves,
        "detail of another": np.clip(detail, 0, 255).astype(np.uint8),
        "erased": erased,
    }


def _smooth(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    width = images.shape[2]
    return np.stack([cv2.GaussianBlur(image, (0, 0), width / 25).astype(np.float64) for image in images])
