"""ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgewbc.bundle.external_data import problem
from edgewbc.errors import UserError
from edgewbc.runtime.openvino_import import first_use
from edgewbc.runtime.predictor import OUTPUTS, PROBABILITIES, Backend, Batch, ModelInfo, Prediction, Predictor
from edgewbc.utils.optional import need

_ERRORS_ONLY = 3
"""ONNX Runtime's log severity level."""


class ONNXRuntimePredictor(Predictor):
    """An ONNX file in ONNX Runtime, on the CPU provider.

    Attributes:
        metadata: the file's `metadata_props`, text by key.
    """

    metadata: dict[str, str]

    def __init__(self, model: bytes | Path, *, precision: str = "f32", threads: int | None = None) -> None:
        """Read a model.

        Args:
            model: path of an ONNX file, or its contents.
            precision: precision of the model file, f32 or int8.
            threads: inference threads; None uses ONNX Runtime's default (one per physical core).

        Raises:
            UserError: ONNX Runtime is not installed, the file is missing or cannot be run, or it is not a model of a
                bundle.
        """
        runtime: Any = need("onnxruntime", "running an ONNX file")
        name = str(model) if isinstance(model, Path) else "the ONNX model"
        options = runtime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            data = model.read_bytes() if isinstance(model, Path) else model
        except OSError as error:
            raise UserError(f"{name}: cannot be read: {error.strerror}") from None
        if wrong := problem("model.onnx", data):
            raise UserError(f"{name}: {wrong}")
        with first_use("onnxruntime") as first:
            try:
                # The only provider of every build; a build's own first choice may be a service on the network.
                self._session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            except Exception as error:  # ONNX Runtime has a class of its own for each way a file can be invalid
                raise UserError(f"{name}: ONNX Runtime cannot run it: {str(error).splitlines()[0]}") from None
            outputs = {output.name: output.shape for output in self._session.get_outputs()}
            input_ = self._session.get_inputs()[0]
            self._input = input_.name
            if not set(OUTPUTS) <= set(outputs):
                raise UserError(f"{name}: has the outputs {', '.join(outputs)}, not probabilities and features")
            sizes = [size if isinstance(size, int) else 1 for size in input_.shape]
            if len(sizes) != 4:
                raise UserError(f"{name}: does not take images (n, height, width, 3): it is not a model of a bundle")
            if first:
                self(np.zeros(sizes, np.uint8))
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        labels = self.metadata.get("model_info labels")
        self.info = ModelInfo(
            backend=Backend.ONNX,
            precision=precision,
            compute="f32",
            classes=int(outputs[PROBABILITIES][-1]),
            input_size=(sizes[1], sizes[2]),
            labels=None if labels is None else tuple(labels.split()),
            threads=threads,
            version=str(runtime.__version__),
        )

    def __call__(self, images: Batch) -> Prediction:
        """Run one batch, uint8 RGB (n, height, width, 3)."""
        probabilities, features = self._session.run(list(OUTPUTS), {self._input: images})
        return Prediction(np.asarray(probabilities, dtype=np.float32), np.asarray(features, dtype=np.float32))
