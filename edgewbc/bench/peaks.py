"""What this CPU can do: the most multiply-adds a second that OpenVINO itself reaches in a plain large convolution.

A roofline's roof (Williams, Waterman and Patterson 2009, "Roofline", CACM 52:4) that is measured and not read from a
data sheet: under the same runtime, the same threads and the same drift as the rows. A stack of four equal 3 x 3
convolutions is timed in some shapes, and the best of them counts. It is what was reached, not a law: a row whose shapes
suit the kernels better may come a little above it.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgewbc.runtime.synthetic_network import build

DEPTH = 4
"""Convolutions one after the other: so that entering and leaving the graph weighs little."""

SHAPES = ((1, 256, 28), (1, 512, 14), (4, 128, 56))
"""Pictures, channels, and height and width of the timed stacks: 1.85 to 7.4 billion multiply-adds each."""

TYPES = {"f32": ("f32",), "bf16": ("bf16",), "int8": ("u8", "i8")}
"""How OpenVINO names a precision's kernels."""


@dataclass(frozen=True)
class PeakJob:
    """A peak to measure, in a process of its own.

    Attributes:
        peak: f32, bf16 or int8.
        seconds: of all shapes together.
        threads: None leaves it to OpenVINO.
        shapes: to be tried.
    """

    peak: str
    seconds: float
    threads: int | None = None
    shapes: tuple[tuple[int, int, int], ...] = SHAPES

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, values: dict[str, Any]) -> PeakJob:
        return cls(**{**values, "shapes": tuple((n, c, s) for n, c, s in values["shapes"])})


def stack(n: int, channels: int, size: int, *, int8: bool) -> tuple[Any, int]:
    """A stack of convolutions as an `ov.Model`, f32 (n, channels, size, size) in, and its multiply-adds."""
    return build((n, channels, size, size), (channels,) * DEPTH, int8=int8)


def measure(job: PeakJob) -> dict[str, Any]:
    """Time the shapes of a job; the best one counts.

    Returns:
        gmac_per_s, shape, kernels (primitive names, as the runtime tells them), threads and streams; or `error`, where
        the CPU would not compute in that precision.
    """
    import openvino as ov

    core = ov.Core()
    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "bf16" if job.peak == "bf16" else "f32",
    }
    if job.threads is not None:
        options["INFERENCE_NUM_THREADS"] = job.threads
    best: dict[str, Any] = {"gmac_per_s": 0.0}
    for shape in job.shapes:
        model, macs = stack(*shape, int8=job.peak == "int8")
        compiled = core.compile_model(model, "CPU", options)
        kernels = _kernels(compiled)
        other = {kind for kind, _ in kernels} - set(TYPES[job.peak])
        if other:
            return {"error": f"the convolutions of the {job.peak} peak ran in {', '.join(sorted(other))}"}
        rate = _rate(ov.AsyncInferQueue(compiled), shape, job.seconds / len(job.shapes)) * macs / 1e9
        if rate > best["gmac_per_s"]:
            best = {
                "gmac_per_s": rate,
                "shape": list(shape),
                "kernels": sorted({name for _, name in kernels}),
                "threads": int(compiled.get_property("INFERENCE_NUM_THREADS")),
                "streams": int(compiled.get_property("NUM_STREAMS")),
            }
    return best


def _kernels(compiled: Any) -> list[tuple[str, str]]:
    """Precision and primitive of each convolution, as they run."""
    infos = [op.get_rt_info() for op in compiled.get_runtime_model().get_ops()]
    return [
        (info["runtimePrecision"].astype(str), info["primitiveType"].astype(str))
        for info in infos
        if info["layerType"].astype(str) == "Convolution"
    ]


def _rate(queue: Any, shape: tuple[int, int, int], seconds: float) -> float:
    """Runs a second, all requests kept busy; the first runs, in which weights are packed, are not counted."""
    n, channels, size = shape
    given = np.random.default_rng(0).random((n, channels, size, size), dtype=np.float32)
    for _ in range(2 * len(queue)):
        queue.start_async({0: given})
    queue.wait_all()
    count, start = 0, time.perf_counter()
    while count < 2 * len(queue) or time.perf_counter() - start < seconds:
        queue.start_async({0: given})
        count += 1
    queue.wait_all()
    return count / (time.perf_counter() - start)
