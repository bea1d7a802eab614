"""The network on the lab's CPU: uint8 pictures in, probabilities and features out, through OpenVINO."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab.runtime import openvino

OUTPUTS = ("probabilities", "features")


@dataclass(frozen=True)
class Answer:
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
        name: str = "the model",
    ) -> None:
        """Read and compile a model.

        Args:
            xml, weights: the bytes of the IR's two files.
            compute: precision of what is not int8. bf16 falls back to f32 where the CPU lacks it (see `info`).
            threads: inference threads; None leaves it to OpenVINO (one a physical core).
            hint: `latency` answers one batch soonest, `throughput` answers most pictures a second through `stream`.
            streams: batches worked on side by side; None leaves it to the hint.
            name: what an error calls the model.

        Raises:
            UserError: OpenVINO refuses the model, or it is not one of a bundle.
        """
        ov = openvino()

        if threads is not None and threads < 1:
            raise UserError(f"{threads} threads: use 1 or more")
        options: dict[str, Any] = {"PERFORMANCE_HINT": hint.upper(), "INFERENCE_PRECISION_HINT": compute}
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        if streams is not None:
            options["NUM_STREAMS"] = streams
        core = ov.Core()
        try:
            model = core.read_model(xml, weights)
            self._compiled = core.compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise UserError(f"{name}: OpenVINO cannot run it: {_last_line(error)}") from None
        self._outputs = [self._output(name, output) for output in OUTPUTS]
        self._shape = self._input_shape(name)
        self.info = self._info(model, hint)

    @classmethod
    def of(cls, bundle: Bundle, precision: str | None = None, **options: Any) -> Engine:
        """The bundle's model of a precision (None: its default); the files are checked against their hashes.

        Raises:
            UserError: the bundle has no such model, a hash is wrong, or OpenVINO refuses the model.
        """
        xml, weights = bundle.model_files("openvino", precision)
        return cls(bundle.read(xml), bundle.read(weights), name=f"{bundle.path}: {xml}", **options)

    def __call__(self, pictures: NDArray[np.uint8]) -> Answer:
        """Answer one batch, uint8 RGB (n, height, width, 3), and wait for it.

        Raises:
            ValueError: not of that shape or type.
        """
        self.check(pictures)
        found = self._compiled(pictures)
        return Answer(*(np.array(found[output]) for output in self._outputs))

    def stream(self, batches: Iterable[NDArray[np.uint8]]) -> Iterator[Answer]:
        """Answer batches in their order while the next ones are being read; `info["requests"]` at most are in flight.

        Raises:
            ValueError: a batch has another shape or type than `__call__` takes.
        """
        ring = Ring(self, self.info["requests"])
        try:
            for pictures in batches:
                if ring.busy == ring.size:
                    yield ring.collect()
                ring.start(pictures)
            while ring.busy:
                yield ring.collect()
        finally:
            ring.drain()

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

    def request(self) -> Any:
        """A new inference request of OpenVINO's."""
        return self._compiled.create_infer_request()

    def answer(self, request: Any) -> Answer:
        """A copy of what a request that has ended holds."""
        return Answer(*(np.array(request.get_tensor(output).data) for output in self._outputs))

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
            "requests": max(1, int(read("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))),
            "compute": read("INFERENCE_PRECISION_HINT").to_string(),
            "hint": hint,
            "labels": None if labels is None else _labels(str(labels.value)),
            "input": list(self._shape[:2]),
            "classes": int(self._outputs[0].get_partial_shape()[1].get_length()),
        }


class Ring:
    """Batches in flight, answered in the order in which they were started.

    A ring of requests rather than OpenVINO's queue with callbacks: the order is kept without a buffer, and a failure
    is raised in the thread that collects and not in one of the runtime's. Not for several threads at once.

    Attributes:
        size: batches that can be in flight.
        busy: batches that are: started and not collected.
    """

    def __init__(self, engine: Engine, size: int | None = None, done: Callable[[], None] | None = None) -> None:
        """Make the requests.

        Args:
            engine: answers.
            size: batches in flight; None takes one more than the engine can work on at once, so that there is one to
                go on with while the caller looks at an answer.
            done: called by a thread of the runtime when a batch has been answered, or has failed.
        """
        self.size = engine.info["requests"] + 1 if size is None else size
        self.busy = 0
        self._engine = engine
        self._requests = [engine.request() for _ in range(self.size)]
        self._next = 0
        if done is not None:
            for request in self._requests:
                request.set_callback(lambda _: done(), None)

    def start(self, pictures: NDArray[np.uint8]) -> None:
        """Start on a batch, uint8 RGB (n, height, width, 3), which must not be written to before it is collected.

        Raises:
            ValueError: not of that shape or type.
            RuntimeError: as many are in flight as can be.
        """
        self._engine.check(pictures)
        if self.busy == self.size:
            raise RuntimeError("collect an answer before another batch is started")
        self._requests[self._next].start_async({0: pictures})
        self._next = (self._next + 1) % self.size
        self.busy += 1

    def collect(self) -> Answer:
        """Wait for the oldest batch and take its answer.

        Raises:
            IndexError: nothing is in flight.
        """
        return self._engine.answer(self._oldest())

    def drain(self) -> None:
        """Let what runs end, unseen, before it is freed: for a caller that stops early."""
        while self.busy:
            self._oldest()

    def _oldest(self) -> Any:
        if not self.busy:
            raise IndexError("nothing is in flight")
        request = self._requests[(self._next - self.busy) % self.size]
        self.busy -= 1
        request.wait()
        return request


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
