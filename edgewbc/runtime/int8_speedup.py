"""Whether int8 pays on this CPU: a short measurement beside f32, in one run.

Without VNNI (or its like) int8 may be no faster than f32, and which a PC prefers cannot be read off its name.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from edgewbc.bundle.bundle import Bundle
from edgewbc.runtime.openvino_engine import OpenVINOPredictor, isa
from edgewbc.runtime.openvino_import import openvino

LEAST = 5
"""Fewest measurements of either, however slow the PC is."""

PAYS = 1.1
"""How many times as fast int8 must be before it is said to pay: less is within the noise of a short measurement."""


@dataclass(frozen=True)
class Gain:
    """What was measured: median milliseconds for one picture in either precision, of which network.

    Attributes:
        ratio: f32 over int8; above 1, int8 is faster.
        n: measurements of each.
        isa: instruction set as the runtime reports it.
        threads: of the network.
    """

    network: str
    f32_ms: float
    int8_ms: float
    n: int
    isa: str
    threads: int

    @property
    def ratio(self) -> float:
        return self.f32_ms / self.int8_ms

    @property
    def pays(self) -> bool:
        return self.ratio >= PAYS

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "pays": self.pays}


def measure(bundle: Bundle | None, seconds: float = 1.0, threads: int | None = None) -> Gain:
    """Time one picture at a time in f32 and int8, in turns (f32, int8, f32, ...), about `seconds` each.

    The bundle's own two models are timed if it holds both. If not, a network of the same kind stands in: five 3 x 3
    convolutions (32 to 128 channels, 64 x 64 pixels), once in f32 and once with fake-quantized weights and activations,
    which OpenVINO runs in int8. Its ratio says what the CPU can do, not what the bundle would gain.

    Raises:
        UserError: OpenVINO refuses the bundle's models.
    """
    if bundle is not None and all(bundle.holds("openvino", p) for p in ("f32", "int8")):
        engines = [OpenVINOPredictor.from_bundle(bundle, precision, threads=threads) for precision in ("f32", "int8")]
        picture = np.random.default_rng(0).integers(0, 256, (1, *engines[0].info.input_size, 3), dtype=np.uint8)
        slow, fast = ((lambda engine=engine: engine(picture)) for engine in engines)
        name, info = bundle.name, engines[0].info
        times = _in_turns(slow, fast, seconds)
        return Gain(name, *times, isa=info.isa or "unknown", threads=info.threads or 0)
    nets = [stand_in(int8=int8, threads=threads) for int8 in (False, True)]
    given = np.random.default_rng(0).random((1, 3, 64, 64), dtype=np.float32)
    slow, fast = ((lambda net=net: net(given)) for net in nets)
    times = _in_turns(slow, fast, seconds)
    count = int(nets[0].get_property("INFERENCE_NUM_THREADS"))
    return Gain("a stand-in of five convolutions", *times, isa=isa(nets[0]), threads=count)


def stand_in(*, int8: bool, threads: int | None = None) -> Any:
    """A compiled network of five convolutions, float32 (n, 3, 64, 64) to (n, 128)."""
    ov = openvino()
    op = ov.opset13

    random = np.random.default_rng(0)
    given = op.parameter([-1, 3, 64, 64], ov.Type.f32)

    def rounded(node: Any, low: float, high: float, levels: int) -> Any:
        ends = op.constant(np.float32(low)), op.constant(np.float32(high))
        return op.fake_quantize(node, *ends, *ends, levels) if int8 else node

    x, channels = rounded(given, 0.0, 1.0, 256), 3
    for width, pool in ((32, False), (64, True), (64, True), (128, False), (128, True)):
        kernel = random.normal(0, (2 / (9 * channels)) ** 0.5, (width, channels, 3, 3)).astype(np.float32)
        weights = rounded(op.constant(kernel), -1.0, 1.0, 255)
        x = op.convolution(x, weights, [1, 1], [1, 1], [1, 1], [1, 1])
        x, channels = rounded(op.relu(x), 0.0, 4.0, 256), width
        if pool:
            x = op.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)
    model = ov.Model([op.result(op.reduce_mean(x, op.constant([2, 3]), False))], [given], "stand-in")
    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
    return ov.Core().compile_model(model, "CPU", options)


def _in_turns(first: Callable[[], object], second: Callable[[], object], seconds: float) -> tuple[float, float, int]:
    """Median milliseconds of the two, and how often each was measured.

    In turns, so that whatever else the PC does meets both alike.
    """
    for _ in range(3):  # weights are packed and memory is laid out in the first calls
        first()
        second()
    taken: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + 2 * seconds
    while time.perf_counter() < end or len(taken[0]) < LEAST:
        for call, times in zip((first, second), taken, strict=True):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    return 1000 * median(taken[0]), 1000 * median(taken[1]), len(taken[0])
