"""Measure how much faster int8 is than f32 on this CPU, alternating between both in one run.

Without VNNI (or its equivalents) int8 may be no faster than f32, and the name of a CPU does not show whether it is.
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
from edgewbc.runtime.openvino_import import core
from edgewbc.runtime.synthetic_network import build

MIN_SAMPLES = 5
"""Minimum number of measurements of each precision, however slow the PC is."""

WORTHWHILE = 1.1
"""Smallest speedup that is reported as worthwhile: less is within the noise of a short measurement."""

SYNTHETIC = "a synthetic network of five convolutions"


@dataclass(frozen=True)
class Int8Speedup:
    """Median milliseconds for one image in either precision.

    Attributes:
        network: name of what was measured.
        n: number of measurements in each precision.
        isa: instruction set as the runtime reports it.
        threads: inference threads.
    """

    network: str
    f32_ms: float
    int8_ms: float
    n: int
    isa: str
    threads: int

    @property
    def ratio(self) -> float:
        """f32 time over int8 time; above 1, int8 is faster."""
        return self.f32_ms / self.int8_ms

    @property
    def worthwhile(self) -> bool:
        return self.ratio >= WORTHWHILE

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; `worthwhile` is written as `pays`."""
        return {**asdict(self), "ratio": self.ratio, "pays": self.worthwhile}


def measure(bundle: Bundle | None, seconds: float = 1.0, threads: int | None = None) -> Int8Speedup:
    """Time single images in f32 and int8 alternately, about `seconds` each.

    The bundle's own models are timed if it holds both precisions. Otherwise a synthetic network is timed
    instead: five 3 x 3 convolutions (32 to 128 channels, 64 x 64 pixels). Its ratio shows what the CPU can do, not
    what the bundle would gain.

    Raises:
        UserError: OpenVINO rejects the bundle's models.
    """
    random = np.random.default_rng(0)
    if bundle is not None and all(bundle.holds("openvino", p) for p in ("f32", "int8")):
        models = [OpenVINOPredictor.from_bundle(bundle, precision, threads=threads) for precision in ("f32", "int8")]
        info = models[0].info
        image = random.integers(0, 256, (1, *info.input_size, 3), dtype=np.uint8)
        f32, int8 = ((lambda model=model: model(image)) for model in models)
        times = _alternate(f32, int8, seconds)
        return Int8Speedup(bundle.name, *times, isa=info.isa or "unknown", threads=info.threads or 0)
    networks = [synthetic(int8=int8, threads=threads) for int8 in (False, True)]
    values = random.random((1, 3, 64, 64), dtype=np.float32)
    f32, int8 = ((lambda network=network: network(values)) for network in networks)
    times = _alternate(f32, int8, seconds)
    count = int(networks[0].get_property("INFERENCE_NUM_THREADS"))
    return Int8Speedup(SYNTHETIC, *times, isa=isa(networks[0]), threads=count)


def synthetic(*, int8: bool, threads: int | None = None) -> Any:
    """Return the synthetic network, compiled: float32 (n, 3, 64, 64) to (n, 128)."""
    model, _ = build((-1, 3, 64, 64), (32, 64, "M", 64, "M", 128, 128, "M"), int8=int8)
    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
    return core().compile_model(model, "CPU", options)


def _alternate(first: Callable[[], object], second: Callable[[], object], seconds: float) -> tuple[float, float, int]:
    """Return the median milliseconds of two calls, and how often each was measured.

    The calls alternate, so that other load on the PC affects both alike.
    """
    for _ in range(3):  # the first calls pack weights and allocate memory
        first()
        second()
    samples: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + 2 * seconds
    while time.perf_counter() < end or len(samples[0]) < MIN_SAMPLES:
        for call, times in zip((first, second), samples, strict=True):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    return 1000 * median(samples[0]), 1000 * median(samples[1]), len(samples[0])
