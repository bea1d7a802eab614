"""Peak speed of the CPU: the most multiply-adds per second that OpenVINO reaches in a plain large convolution.

It is the roof of a roofline model (Williams, Waterman and Patterson 2009, "Roofline", CACM 52:4), measured instead of
read from a data sheet: with the same runtime and threads as the rows, and in the same rounds. Stacks of four equal
3 x 3 convolutions are timed in several shapes, and the fastest counts. It is not a strict upper bound: a row whose
shapes suit the kernels better may exceed it slightly.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgewbc.bench.job_result import JobError, PeakResult
from edgewbc.runtime.openvino_import import core
from edgewbc.runtime.synthetic_network import build

DEPTH = 4
"""Number of convolutions in a stack: several, so that the cost of entering and leaving the graph weighs little."""

SHAPES = ((1, 256, 28), (1, 512, 14), (4, 128, 56))
"""Images, channels, and height and width of the timed stacks: 1.85 to 7.4 billion multiply-adds each."""

KERNEL_TYPES = {"f32": ("f32",), "bf16": ("bf16",), "int8": ("u8", "i8")}
"""OpenVINO's names of the kernel precisions that count as each precision."""


@dataclass(frozen=True)
class PeakJob:
    """A measurement of a peak, in a process of its own.

    Attributes:
        peak: f32, bf16 or int8.
        seconds: duration, of all shapes together.
        threads: None leaves it to OpenVINO.
        shapes: images, channels, and height and width of the stacks to time.
    """

    peak: str
    seconds: float
    threads: int | None = None
    shapes: tuple[tuple[int, int, int], ...] = SHAPES

    def to_json(self) -> str:
        """Return the job as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PeakJob:
        """Read a job from parsed JSON."""
        return cls(**{**values, "shapes": tuple((n, c, s) for n, c, s in values["shapes"])})


def stack(n: int, channels: int, size: int, *, int8: bool) -> tuple[Any, int]:
    """Build a stack of convolutions.

    Returns:
        the `openvino.Model`, input float32 (n, channels, size, size); and its multiply-adds.
    """
    return build((n, channels, size, size), (channels,) * DEPTH, int8=int8)


def measure(job: PeakJob) -> PeakResult | JobError:
    """Time the shapes of a job and return the fastest; an error if the CPU does not compute in that precision."""
    import openvino as ov

    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "bf16" if job.peak == "bf16" else "f32",
    }
    if job.threads is not None:
        options["INFERENCE_NUM_THREADS"] = job.threads
    best: PeakResult | None = None
    for shape in job.shapes:
        model, macs = stack(*shape, int8=job.peak == "int8")
        compiled = core().compile_model(model, "CPU", options)
        kernels = _kernels(compiled)
        other = {kind for kind, _ in kernels} - set(KERNEL_TYPES[job.peak])
        if other:
            return JobError(error=f"the convolutions of the {job.peak} peak ran in {', '.join(sorted(other))}")
        rate = _runs_per_second(ov.AsyncInferQueue(compiled), shape, job.seconds / len(job.shapes)) * macs / 1e9
        if best is None or rate > best.gmac_per_s:
            best = PeakResult(
                gmac_per_s=rate,
                shape=shape,
                kernels=tuple(sorted({name for _, name in kernels})),
                threads=int(compiled.get_property("INFERENCE_NUM_THREADS")),
                streams=int(compiled.get_property("NUM_STREAMS")),
            )
    return best or JobError(error="no shape was timed")


def _kernels(compiled: Any) -> list[tuple[str, str]]:
    """Return the precision and the kernel name of each convolution of a compiled model."""
    infos = [op.get_rt_info() for op in compiled.get_runtime_model().get_ops()]
    return [
        (info["runtimePrecision"].astype(str), info["primitiveType"].astype(str))
        for info in infos
        if info["layerType"].astype(str) == "Convolution"
    ]


def _runs_per_second(queue: Any, shape: tuple[int, int, int], seconds: float) -> float:
    """Time a queue with all its requests busy; the first runs, in which weights are packed, are not counted."""
    n, channels, size = shape
    values = np.random.default_rng(0).random((n, channels, size, size), dtype=np.float32)
    for _ in range(2 * len(queue)):
        queue.start_async({0: values})
    queue.wait_all()
    count, start = 0, time.perf_counter()
    while count < 2 * len(queue) or time.perf_counter() - start < seconds:
        queue.start_async({0: values})
        count += 1
    queue.wait_all()
    return count / (time.perf_counter() - start)
