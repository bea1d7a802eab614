"""Run a bundle's OpenVINO model with one more output: the feature map that its pooling reduces to `features`.

OpenVINO itself edits the graph when it is loaded, so this works on a microscope PC, and with every bundle, whether its
map has a name or not. The file on disk stays as it is.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.bundle import ModelFiles
from edgewbc.errors import UserError
from edgewbc.runtime.openvino_import import core, first_use, openvino
from edgewbc.runtime.predictor import FEATURES, PROBABILITIES, Batch

_PASSED = ("Convert", "FakeQuantize", "Unsqueeze")
"""Operations between pooling and `features` that change no place of a value."""
_TOLERANCE = 1e-3
"""Largest difference between the pooled map and the features, as a share of the largest feature. (bf16 rounds by 0.4 %,
but models are run in float32 here.)"""


class Pooling(StrEnum):
    """How a network reduces its last feature map to `features`."""

    MEAN = "mean"
    FLATTEN = "flatten"


@dataclass(frozen=True)
class MapPrediction:
    """The network's output for a batch of n images.

    Attributes:
        probabilities: float32 (n, K).
        features: float32 (n, d).
        maps: the map before pooling, float32 (n, c, h, w); c is d where the mean over space is taken.
    """

    probabilities: NDArray[np.float32]
    features: NDArray[np.float32]
    maps: NDArray[np.float32]


class MapModel:
    """A model that also gives its feature map, compiled for the CPU in float32 (int8 layers stay int8).

    Several threads may call it; they take turns.

    Attributes:
        pooling: how the map becomes `features`.
        precision: of the model file.
    """

    def __init__(self, files: ModelFiles, threads: int | None = None) -> None:
        """Read and compile a model.

        Args:
            files: of an OpenVINO model that this process may run (see `trial.read_model`).
            threads: inference threads; None uses OpenVINO's default.

        Raises:
            UserError: the features are not the mean over a map, nor a flattened map; or OpenVINO rejects the model.
        """
        self._label, self.precision = files.label, files.precision
        options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        ov = openvino()
        with first_use("openvino"):
            try:
                model = core().read_model(*files.contents)
                port, self.pooling, self._last = _before_pooling(_named(model, FEATURES))
                ports = [_named(model, PROBABILITIES), _named(model, FEATURES), port]
                compiled = core().compile_model(ov.Model(ports, model.get_parameters()), "CPU", options)
                self._request = compiled.create_infer_request()  # kept: see `OpenVINOPredictor._borrowed`
            except ValueError as error:
                raise UserError(f"{files.label}: has no class activation map in closed form: {error}") from None
            except RuntimeError as error:
                line = (str(error).strip().splitlines() or ["unknown error"])[-1]
                raise UserError(f"{files.label}: OpenVINO cannot run it: {line}") from None
        self._lock = threading.Lock()

    def __call__(self, images: Batch) -> MapPrediction:
        """Run one batch, uint8 RGB (n, height, width, 3).

        Raises:
            UserError: pooling the map does not give the features.
        """
        with self._lock:
            self._request.infer({0: images})
            found = [np.array(self._request.get_output_tensor(number).data) for number in range(3)]
        maps = np.moveaxis(found[2], -1, 1) if self._last else found[2]
        pooled = maps.mean((2, 3)) if self.pooling == Pooling.MEAN else found[2].reshape(len(maps), -1)
        features = found[1].reshape(len(maps), -1)
        if pooled.shape != features.shape or np.abs(pooled - features).max() > _TOLERANCE * max(
            np.abs(features).max(), 1e-6
        ):
            raise UserError(f"{self._label}: has no class activation map in closed form: its features are not the "
                            f"{self.pooling} of its map")  # fmt: skip
        return MapPrediction(found[0], features, maps)


def _before_pooling(port: Any) -> tuple[Any, Pooling, bool]:
    """Follow `features` back to the map that is pooled.

    Returns:
        the map, (n, c, h, w) or (n, h, w, c); how it is pooled; whether the channels are its last axis.

    Raises:
        ValueError: the features come from something else.
    """
    while True:
        node = port.get_node()
        kind, before = node.get_type_name(), node.input_value(0) if node.get_input_size() else None
        if before is None:
            raise ValueError("its features do not come from a pooling layer")
        rank = before.get_partial_shape().rank
        sizes = list(before.get_partial_shape())[1:] if rank.is_static and rank.get_length() == 4 else []
        spatial = len(sizes) == 3 and all(size.is_static for size in sizes)
        if kind == "ReduceMean" and spatial:
            axes = sorted(int(axis) % 4 for axis in node.input_value(1).get_node().get_data().reshape(-1))
            if axes in ([2, 3], [1, 2]):
                return before, Pooling.MEAN, axes == [1, 2]
            raise ValueError(f"its features are a mean over the axes {axes}, not over space")
        if kind == "AvgPool" and spatial and list(node.get_output_partial_shape(0))[2:] == [1, 1]:
            return before, Pooling.MEAN, False
        if kind in ("Reshape", "Squeeze"):
            if spatial and (sizes[1].get_length(), sizes[2].get_length()) != (1, 1):
                return before, Pooling.FLATTEN, False
        elif kind not in _PASSED:
            raise ValueError(f"its features come from {kind}, not from a mean over a map or a flattened map")
        port = before


def _named(model: Any, name: str) -> Any:
    """Return what gives a named output. Raises ValueError if there is none."""
    try:
        return model.output(name).get_node().input_value(0)
    except RuntimeError:
        raise ValueError(f"it has no output named {name}") from None
