"""The mean of a network's probabilities over several views of each cell, for the studies that average.

It is the arithmetic mean, an ensemble of one network's predictions as those of several networks are averaged. The
geometric mean was not taken: in it a single view that gives a class next to nothing overrules all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgewbc.lab import cell_views
from edgewbc.pixels import Image

Float = TypeVar("Float", bound=np.floating[Any])


def orientations(images: Iterable[Image]) -> list[NDArray[np.uint8]]:
    """Return images in each of their orientations, uint8 (n, height, width, 3) each; first as they are.

    Args:
        images: n network inputs, uint8 RGB (height, width, 3) each.
    """
    return [np.ascontiguousarray(each) for each in np.stack([cell_views.views(image) for image in images], axis=1)]


def mean(probabilities: Sequence[NDArray[Float]]) -> NDArray[Float]:
    """Return the arithmetic mean over views, (n, classes), of the probabilities of each view, (n, classes)."""
    found: NDArray[Float] = np.mean(probabilities, axis=0)
    return found
