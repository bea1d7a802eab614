"""Common interface of all backends: batches of uint8 images in, probabilities and features out.

Each backend is one file: `openvino_engine` and `onnxruntime_engine` here, torch's in `edgewbc.nets.torch_predictor`
(the lab side has no torch). `eval`, `bench`, `export` and `classify` use this interface for every backend.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Batch: TypeAlias = NDArray[np.uint8]
"""Prepared images (see `pixels.prepare`), uint8 RGB (n, height, width, 3)."""

Compute: TypeAlias = Literal["f32", "bf16"]
"""Precision in which the layers that are not int8 are computed."""

Hint: TypeAlias = Literal["latency", "throughput"]
"""What a runtime optimizes for: the time to one result, or the number of images per second."""


SUM_TOLERANCE = 0.02
"""Largest difference from 1 that the sum of an image's probabilities may have; bf16 rounds each of them by 0.4 %."""


class Backend(StrEnum):
    """The runtimes that can run a network."""

    OPENVINO = "openvino"
    ONNX = "onnx"
    TORCH = "torch"


PROBABILITIES, FEATURES = OUTPUTS = ("probabilities", "features")
"""Names of the outputs of a bundle's graph."""


@dataclass(frozen=True)
class Prediction:
    """The network's output for a batch of n images.

    Attributes:
        probabilities: float32 (n, K); each row sums to 1.
        features: float32 (n, d), the pooled vector before the head.
    """

    probabilities: NDArray[np.float32]
    features: NDArray[np.float32]

    @classmethod
    def joined(cls, batches: Iterable[Prediction]) -> Prediction:
        """Return the output for several batches, at least one, as that of one batch."""
        parts = list(batches)
        return cls(*(np.concatenate([getattr(each, field.name) for each in parts]) for field in fields(cls)))


def fault(probabilities: NDArray[np.float32], features: NDArray[np.float32] | None = None) -> str:
    """Return why an output of a network cannot be used; empty if it can.

    Args:
        probabilities: of one image (K,) or of several (n, K).
        features: of the same images, if they are used.
    """
    off = np.abs(probabilities.sum(axis=-1, dtype=np.float64) - 1).max(initial=0.0)
    if not math.isfinite(off):  # so are the sums of finite float32, and of no others
        return "the model's output is not a number (NaN or infinite)"
    if probabilities.size == 0 or probabilities.min() < 0 or off > SUM_TOLERANCE:
        return "the model's output is not a set of probabilities (negative, or not adding up to 1)"
    if features is not None and not math.isfinite(features.sum(dtype=np.float64)):
        return "the model's features are not numbers (NaN or infinite)"
    return ""


@dataclass(frozen=True)
class ModelInfo:
    """What actually runs, read back from the runtime where it can be; None where the runtime does not report it.

    Attributes:
        backend: runtime.
        precision: `int8` for a quantized model, otherwise the precision of computation (`f32` or `bf16`).
        compute: precision of the layers that are not int8.
        classes: number of outputs.
        input_size: height and width of the input, in pixels.
        labels: class names stored in the model file.
        threads: inference threads.
        streams: batches processed in parallel.
        requests: batches that `Predictor.stream` keeps in flight.
        isa: instruction set of the kernels, such as "Intel AVX-512 with Intel DL Boost".
        hint: what the runtime optimizes for.
        version: version of the runtime.
    """

    backend: Backend
    precision: str
    compute: str
    classes: int
    input_size: tuple[int, int]
    labels: tuple[str, ...] | None = None
    threads: int | None = None
    streams: int = 1
    requests: int = 1
    isa: str | None = None
    hint: str | None = None
    version: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; the input size is written as `input`, [height, width]."""
        values = asdict(self)
        values["input"] = list(values.pop("input_size"))
        values["labels"] = None if self.labels is None else list(self.labels)
        return values


class Predictor(ABC):
    """A network that is ready to run on one backend.

    Attributes:
        info: what actually runs.
    """

    info: ModelInfo

    @abstractmethod
    def __call__(self, images: Batch) -> Prediction:
        """Run one batch and wait for the result.

        Args:
            images: uint8 RGB (n, height, width, 3).
        """

    def stream(self, batches: Iterable[Batch]) -> Iterator[Prediction]:
        """Run batches and yield their results in order, several at once where the runtime can.

        By default one batch runs after the other.
        """
        return (self(images) for images in batches)

    def kernels(self) -> dict[str, int] | None:
        """Count the convolutions and dense layers by the precision they run in, such as {"u8": 13}.

        Returns:
            None if the runtime does not report it.
        """
        return None
