"""A predictor that takes a given time, shared by the tests of latency and throughput."""

from __future__ import annotations

import time

import numpy as np

from edgewbc.runtime.predictor import Backend, Batch, ModelInfo, Prediction, Predictor

IMAGES = np.zeros((5, 4, 4, 3), dtype=np.uint8)


class Slow(Predictor):
    """Takes `fixed` seconds per batch and `each` per image, and records the sizes of its batches."""

    def __init__(self, sizes: list[int], fixed: float = 0.0, each: float = 0.0, streams: int = 1) -> None:
        self.sizes, self.fixed, self.each = sizes, fixed, each
        self.info = ModelInfo(Backend.OPENVINO, "f32", "f32", 2, (4, 4), streams=streams, requests=streams)

    def __call__(self, images: Batch) -> Prediction:
        self.sizes.append(len(images))
        time.sleep(self.fixed + self.each * len(images))
        zeros = np.zeros((len(images), 2), dtype=np.float32)
        return Prediction(zeros, zeros)
