"""The network on the lab's CPU: uint8 pictures in, probabilities and features out, through OpenVINO."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.runtime.openvino_import import first_use, openvino

OUTPUTS = ("probabilities", "features")

_AHEAD = 2
"""Batches in flight, as a multiple of what OpenVINO calls optimal: with one each, a stream waits for Python to hand it
the next (wbc5-edge on two cores: a seventh of the time in batches of 32, two fifths in batches of 1)."""


@dataclass(frozen=True)
class Prediction:
    """What the network says of a batch of n pictures.

    Attributes:
        probabilities: float32 (n, K), each row sums to 1.
        features: float32 (n, d), the pooled vector before the head.
    """

    probabilities: NDArray[np.float32]
    features: NDArray[np.float32]


class Engine:
    """One OpenVINO model on the CPU.

    The compute precision is always set: left to itself OpenVINO takes bfloat16 wherever the CPU has it, and an "f32"
    model would then answer differently from one PC to the next. An int8 model keeps its int8 layers under both.

    Attributes:
        info: what really runs: `isa` (as the runtime reports it), `threads`, `streams`, `requests` (how many batches
            `stream` keeps in flight), `compute`, `hint`, `labels` (or None), `input` ([height, width]) and `classes`
            (their number).
    """

    info: dict[str, Any]

    def __init__(
        self,
        xml: bytes,
        weights: bytes,
        *,
        compute: Literal["f32", "bf16"] = "f32",
        threads: int | None = None,
        hint: Literal["latency", "throughput"] = "latency",
        streams: int | None = None,
        pinned: bool = True,
        name: str = "the model",
    ) -> None:
        """Read and compile a model.

        Args:
            xml, weights: the bytes of the IR's two files.
            compute: precision of what is not int8. bf16 falls back to f32 where the CPU lacks it (see `info`).
            threads: inference threads; None leaves it to OpenVINO (one a physical core).
            hint: `latency` answers one batch soonest, `throughput` answers most pictures a second through `stream`.
            streams: batches worked on side by side; None leaves it to the hint.
            pinned: leave it to OpenVINO to tie each thread to a core (it does on Linux). Two engines, of one process or
                of two, may be tied to the same core.
            name: what an error calls the model.

        Raises:
            UserError: OpenVINO refuses the model, or it is not one of a bundle.
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
            core = openvino().Core()
            try:
                model = core.read_model(xml, weights)
                self._compiled = core.compile_model(model, "CPU", options)
            except RuntimeError as error:
                raise UserError(f"{name}: OpenVINO cannot run it: {_last_line(error)}") from None
            self._lock = threading.Lock()
            self._free: list[Any] = []
            self._outputs = [self._output(name, output) for output in OUTPUTS]
            self._shape = self._input_shape(name)
            self.info = self._info(model, hint)
            if first:
                self(np.zeros((1, *self._shape), np.uint8))

    @classmethod
    def of(cls, bundle: Bundle, precision: str | None = None, **options: Any) -> Engine:
        """The bundle's model of a precision (None: its default); the files are checked against their hashes.

        Raises:
            UserError: the bundle has no such model, a hash is wrong, or OpenVINO refuses the model.
        """
        xml, weights = bundle.model_files("openvino", precision)
        return cls(bundle.read(xml), bundle.read(weights), name=f"{bundle.path}: {xml}", **options)

    def __call__(self, pictures: NDArray[np.uint8]) -> Prediction:
        """Answer one batch, uint8 RGB (n, height, width, 3), in the thread that calls. Several may do so at once.

        Raises:
            ValueError: not of that shape or type.
        """
        self.check(pictures)
        with self._lent(1) as (request,):
            request.infer({0: pictures})
            return self._answer(request)

    def stream(self, batches: Iterable[NDArray[np.uint8]]) -> Iterator[Prediction]:
        """Answer batches in their order while the next ones are being read; `info["requests"]` at most are in flight.

        A ring of requests rather than OpenVINO's queue with callbacks: the order is kept without a buffer, and a
        failure is raised here and not in a thread of the runtime.

        Raises:
            ValueError: a batch has another shape or type than `__call__` takes.
        """
        with self._lent(self.info["requests"]) as ring:
            started = answered = 0
            try:
                for pictures in batches:
                    self.check(pictures)
                    if started - answered == len(ring):
                        yield self._waited(ring[answered % len(ring)])
                        answered += 1
                    ring[started % len(ring)].start_async({0: pictures})
                    started += 1
                while answered < started:
                    yield self._waited(ring[answered % len(ring)])
                    answered += 1
            finally:
                for index in range(answered, started):  # the caller stopped early: let what runs end
                    ring[index % len(ring)].wait()

    def kernels(self) -> dict[str, int]:
        """Number of convolutions and dense layers by the precision in which this CPU runs them, such as {"u8": 13}."""
        found: Counter[str] = Counter()
        for op in self._compiled.get_runtime_model().get_ops():
            facts = op.get_rt_info()
            if facts["layerType"].astype(str) in ("Convolution", "FullyConnected", "MatMul"):
                found[facts["runtimePrecision"].astype(str)] += 1
        return dict(sorted(found.items()))

    def check(self, pictures: NDArray[np.uint8]) -> None:
        """Raises ValueError if `pictures` is not what `__call__` takes."""
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[1:] != self._shape:
            raise ValueError(f"pictures are {pictures.dtype} {pictures.shape}, not uint8 (n, *{self._shape})")

    @contextmanager
    def _lent(self, count: int) -> Iterator[list[Any]]:
        """Lend OpenVINO's inference requests; each is for one thread at a time.

        They are kept and lent again: OpenVINO (2026.4) writes past the end of memory when requests come and go on a
        model that takes batches of any size.
        """
        lent: list[Any] = []
        with self._lock:
            while self._free and len(lent) < count:
                lent.append(self._free.pop())
        lent += [self._compiled.create_infer_request() for _ in range(count - len(lent))]
        try:
            yield lent
        finally:
            with self._lock:
                self._free += lent

    def _waited(self, request: Any) -> Prediction:
        request.wait()
        return self._answer(request)

    def _answer(self, request: Any) -> Prediction:
        """A request's answer, once it has ended."""
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
            raise UserError(f"{name}: does not take pictures (n, height, width, 3): it is not a model of a bundle")
        return tuple(size.get_length() for size in sizes)

    def _info(self, model: Any, hint: str) -> dict[str, Any]:
        read = self._compiled.get_property
        labels = model.get_rt_info(["model_info", "labels"]) if model.has_rt_info(["model_info", "labels"]) else None
        return {
            "isa": isa(self._compiled),
            "threads": int(read("INFERENCE_NUM_THREADS")),
            "streams": int(read("NUM_STREAMS")),
            "requests": _AHEAD * max(1, int(read("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))),
            "compute": read("INFERENCE_PRECISION_HINT").to_string(),
            "hint": hint,
            "labels": None if labels is None else _labels(str(labels.value)),
            "input": list(self._shape[:2]),
            "classes": int(self._outputs[0].get_partial_shape()[1].get_length()),
        }


def isa(compiled: Any) -> str:
    """Instruction set that a compiled OpenVINO model uses, as the runtime reports it; `unknown` where it does not."""
    try:
        told = str(compiled.get_property("RUNTIME_REQUIREMENTS"))
    except RuntimeError:  # older versions do not tell
        return "unknown"
    # "meta=1.0;ov=2026.4.1;isa=Intel AVX-512 with Intel DL Boost"
    return dict(part.partition("=")[::2] for part in told.split(";")).get("isa") or "unknown"


def _labels(text: str) -> list[str]:
    """Labels as Model API writes them (joined by spaces) or as a JSON list."""
    try:
        return [str(name) for name in json.loads(text)]
    except ValueError:
        return text.split()


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
