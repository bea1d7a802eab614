"""OpenVINO on the CPU: the backend of the lab side."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from edgewbc.bundle.bundle import Bundle, ModelFiles
from edgewbc.errors import UserError
from edgewbc.runtime import trial
from edgewbc.runtime.openvino_import import core, first_use, openvino
from edgewbc.runtime.predictor import OUTPUTS, Backend, Batch, Compute, Hint, ModelInfo, Prediction, Predictor

_REQUESTS_PER_STREAM = 2
"""Batches in flight, as a multiple of the number that OpenVINO reports as optimal. With one per stream, a stream idles
until Python hands it the next batch (wbc5-edge on two cores: 1/7 of the time in batches of 32, 2/5 in batches of 1)."""


class OpenVINOPredictor(Predictor):
    """An OpenVINO model, compiled for the CPU.

    The compute precision is always set explicitly: by default OpenVINO uses bfloat16 wherever the CPU has it, and an
    "f32" model would then give different results from one PC to the next. An int8 model keeps its int8 layers under
    both compute precisions.

    Several threads may call a predictor at the same time.
    """

    def __init__(
        self,
        xml: bytes,
        weights: bytes,
        *,
        precision: str = "f32",
        compute: Compute = "f32",
        threads: int | None = None,
        hint: Hint = "latency",
        streams: int | None = None,
        pinned: bool = True,
        name: str = "the model",
    ) -> None:
        """Read and compile a model.

        Args:
            xml, weights: contents of the IR's two files.
            precision: precision of the model file, f32 or int8.
            compute: precision of the layers that are not int8. bf16 falls back to f32 on a CPU without it (see `info`).
            threads: inference threads; None uses OpenVINO's default (one per physical core).
            hint: `latency` minimizes the time to one result, `throughput` maximizes images per second in `stream`.
            streams: batches processed in parallel; None lets the hint decide.
            pinned: let OpenVINO pin each thread to a core (as it does on Linux). Two predictors, in the same process or
                in two processes, may be pinned to the same core.
            name: name of the model in error messages.

        Raises:
            UserError: OpenVINO rejects the model, or it is not a model of a bundle.
        """
        if threads is not None and threads < 1:
            raise UserError(f"{threads} threads: use 1 or more")
        options: dict[str, Any] = {"PERFORMANCE_HINT": hint.upper(), "INFERENCE_PRECISION_HINT": compute}
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        if streams is not None:
            options["NUM_STREAMS"] = streams
        if not pinned:
            options["ENABLE_CPU_PINNING"] = False
        with first_use("openvino") as first:
            try:
                model = core().read_model(xml, weights)
                self._compiled = core().compile_model(model, "CPU", options)
            except (RuntimeError, UnicodeDecodeError) as error:
                raise UserError(f"{name}: OpenVINO cannot run it: {_last_line(error)}") from None
            self._lock = threading.Lock()
            self._idle: list[Any] = []
            self._outputs = [self._output(name, output) for output in OUTPUTS]
            self._shape = self._input_shape(name)
            self.info = self._info(model, precision, hint)
            if first:
                self(np.zeros((1, *self._shape), np.uint8))

    @classmethod
    def from_bundle(cls, bundle: Bundle, precision: str | None = None, **options: Any) -> OpenVINOPredictor:
        """Load the bundle's model of a precision (None: its default precision), checking the files' hashes.

        Raises:
            UserError: as `trial.read_model`, or OpenVINO rejects the model.
        """
        return cls.from_files(trial.read_model(bundle, Backend.OPENVINO, precision), **options)

    @classmethod
    def from_files(cls, files: ModelFiles, **options: Any) -> OpenVINOPredictor:
        """Load a model whose files were read before. Raises UserError if OpenVINO rejects it."""
        return cls(*files.contents, precision=files.precision, name=files.label, **options)

    def __call__(self, images: Batch) -> Prediction:
        """Run one batch, uint8 RGB (n, height, width, 3), in the calling thread.

        Raises:
            ValueError: `images` has another shape or dtype.
        """
        self.check(images)
        with self._borrowed(1) as (request,):
            request.infer({0: images})
            return self._prediction(request)

    def stream(self, batches: Iterable[Batch]) -> Iterator[Prediction]:
        """Run batches and yield their results in order; at most `info.requests` batches are in flight.

        Uses a ring of requests rather than OpenVINO's queue with callbacks: results need no reordering buffer, and an
        error is raised here instead of in a thread of the runtime.

        Raises:
            ValueError: a batch has another shape or dtype than `__call__` takes.
        """
        with self._borrowed(self.info.requests) as ring:
            started = finished = 0
            try:
                for images in batches:
                    self.check(images)
                    if started - finished == len(ring):
                        yield self._wait(ring[finished % len(ring)])
                        finished += 1
                    started += 1  # first, so that an interrupt in between cannot leave a batch in flight
                    ring[(started - 1) % len(ring)].start_async({0: images})
                while finished < started:
                    yield self._wait(ring[finished % len(ring)])
                    finished += 1
            finally:
                for index in range(finished, started):  # the caller stopped early: wait for the batches in flight
                    ring[index % len(ring)].wait()

    def kernels(self) -> dict[str, int]:
        """Count the convolutions and dense layers by the precision this CPU runs them in, such as {"u8": 13}."""
        counts: Counter[str] = Counter()
        for op in self._compiled.get_runtime_model().get_ops():
            info = op.get_rt_info()
            if info["layerType"].astype(str) in ("Convolution", "FullyConnected", "MatMul"):
                counts[info["runtimePrecision"].astype(str)] += 1
        return dict(sorted(counts.items()))

    def check(self, images: Batch) -> None:
        """Raise ValueError unless `images` has the shape and dtype that `__call__` takes."""
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != self._shape:
            raise ValueError(f"images are {images.dtype} {images.shape}, not uint8 (n, *{self._shape})")

    @contextmanager
    def _borrowed(self, count: int) -> Iterator[list[Any]]:
        """Lend inference requests, each for use by one thread at a time.

        Requests are kept and reused: OpenVINO (2026.4) writes past the end of its memory when requests are created and
        destroyed repeatedly on a model with a dynamic batch size.
        """
        requests: list[Any] = []
        with self._lock:
            while self._idle and len(requests) < count:
                requests.append(self._idle.pop())
        requests += [self._compiled.create_infer_request() for _ in range(count - len(requests))]
        try:
            yield requests
        finally:
            with self._lock:
                self._idle += requests

    def _wait(self, request: Any) -> Prediction:
        request.wait()
        return self._prediction(request)

    def _prediction(self, request: Any) -> Prediction:
        """Copy the outputs of a finished request."""
        return Prediction(*(np.array(request.get_tensor(output).data) for output in self._outputs))

    def _output(self, name: str, output: str) -> Any:
        try:
            return self._compiled.output(output)
        except RuntimeError:
            raise UserError(f"{name}: has no output named {output}: it is not a model of a bundle") from None

    def _input_shape(self, name: str) -> tuple[int, ...]:
        shape = self._compiled.inputs[0].get_partial_shape() if len(self._compiled.inputs) == 1 else None
        sizes = [] if shape is None or shape.rank.is_dynamic else list(shape)[1:]
        if len(sizes) != 3 or any(size.is_dynamic for size in sizes) or sizes[2].get_length() != 3:
            raise UserError(f"{name}: does not take images (n, height, width, 3): it is not a model of a bundle")
        return tuple(size.get_length() for size in sizes)

    def _info(self, model: Any, precision: str, hint: str) -> ModelInfo:
        read = self._compiled.get_property
        labels = model.get_rt_info(["model_info", "labels"]) if model.has_rt_info(["model_info", "labels"]) else None
        compute = read("INFERENCE_PRECISION_HINT").to_string()
        return ModelInfo(
            backend=Backend.OPENVINO,
            precision=compute if precision == "f32" else precision,
            compute=compute,
            classes=int(self._outputs[0].get_partial_shape()[1].get_length()),
            input_size=(self._shape[0], self._shape[1]),
            labels=None if labels is None else tuple(_labels(str(labels.value))),
            threads=int(read("INFERENCE_NUM_THREADS")),
            streams=int(read("NUM_STREAMS")),
            requests=_REQUESTS_PER_STREAM * max(1, int(read("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))),
            isa=isa(self._compiled),
            hint=hint,
            version=str(openvino().__version__).partition("-")[0],
        )


def isa(compiled: Any) -> str:
    """Return the instruction set that a compiled model uses, or `unknown` if the runtime does not report it."""
    try:
        requirements = str(compiled.get_property("RUNTIME_REQUIREMENTS"))
    except RuntimeError:  # older versions do not have the property
        return "unknown"
    # "meta=1.0;ov=2026.4.1;isa=Intel AVX-512 with Intel DL Boost"
    return dict(part.partition("=")[::2] for part in requirements.split(";")).get("isa") or "unknown"


def _labels(text: str) -> list[str]:
    """Split labels as Model API writes them (separated by spaces) or as a JSON list."""
    try:
        return [str(name) for name in json.loads(text)]
    except ValueError:
        return text.split()


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
