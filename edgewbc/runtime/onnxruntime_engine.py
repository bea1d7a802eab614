"""ONNX Runtime on the CPU: uint8 pictures in, probabilities and features out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.external_data import problem
from edgewbc.errors import UserError
from edgewbc.runtime.openvino_import import first_use
from edgewbc.utils.optional import need

ERRORS_ONLY = 3  # ONNX Runtime's log level


class OrtModel:
    """One ONNX file, answering on the CPU alone.

    Attributes:
        metadata: the file's `metadata_props`, text by key.
    """

    metadata: dict[str, str]

    def __init__(self, model: bytes | Path, threads: int | None = None) -> None:
        """Read a model.

        Args:
            model: an ONNX file, or its bytes.
            threads: inference threads; None leaves it to ONNX Runtime (one a physical core).

        Raises:
            UserError: ONNX Runtime is not installed, the file is missing or cannot be run, or it is no bundle's model.
        """
        runtime: Any = need("onnxruntime", "running an ONNX file")
        name = str(model) if isinstance(model, Path) else "the ONNX model"
        options = runtime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
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
                # The only provider that every build has; a build's own first choice may be a service on the network.
                self._session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            except Exception as error:  # ONNX Runtime has a class of its own for each way in which a file can be wrong
                raise UserError(f"{name}: ONNX Runtime cannot run it: {str(error).splitlines()[0]}") from None
            outputs = [output.name for output in self._session.get_outputs()]
            taken = self._session.get_inputs()[0]
            self._input = taken.name
            if not {"probabilities", "features"} <= set(outputs):
                raise UserError(f"{name}: has the outputs {', '.join(outputs)}, not probabilities and features")
            self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)
            if first:
                self(np.zeros([size if isinstance(size, int) else 1 for size in taken.shape], np.uint8))

    def __call__(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Answer one batch, uint8 RGB (n, height, width, 3): probabilities (n, K) and features (n, d), float32."""
        probabilities, features = self._session.run(["probabilities", "features"], {self._input: pictures})
        return np.asarray(probabilities, dtype=np.float32), np.asarray(features, dtype=np.float32)
