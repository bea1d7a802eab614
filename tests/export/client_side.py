"""A client of a bundle's network, written from its description alone."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def prepared(described: dict[str, Any], image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Do what `steps` say, from the description alone."""
    wanted, crop = described["input"], described["crop"]
    height, width = image.shape[:2]
    if crop["kind"] == "centre" and min(height, width) >= crop["size"]:
        left, top = (width - crop["size"]) // 2, (height - crop["size"]) // 2
        image = image[top : top + crop["size"], left : left + crop["size"]]
    shrinks = image.shape[0] >= wanted["height"] and image.shape[1] >= wanted["width"]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (wanted["width"], wanted["height"]), interpolation=how), np.uint8)
