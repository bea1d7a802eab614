"""Run an OpenVINO IR that a peer exported, with the threads and the precision of all rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from peer import Model, versions


def load(xml: Path, job: dict[str, Any], shape: list[int], finish: Callable[[Any], Any]) -> Model:
    """Compile an IR for one input size and any batch size.

    Args:
        xml: path of the IR, with the .bin file in the same folder.
        job: its keys `threads` and `mode` are used.
        shape: of one input, such as [3, 112, 112].
        finish: converts the first output to probabilities, float32 (n, K).
    """
    core = ov.Core()
    read = core.read_model(xml)
    read.reshape([-1, *shape])
    options = {
        "PERFORMANCE_HINT": job["mode"].upper(),
        "INFERENCE_NUM_THREADS": job["threads"],
        "INFERENCE_PRECISION_HINT": "f32",  # of layers that are not int8; the default may be bf16
    }
    compiled: Any = core.compile_model(read, "CPU", options)
    ring = [compiled.create_infer_request() for _ in range(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))]

    def collect(request: Any) -> Any:
        request.wait()
        return finish(np.array(request.get_output_tensor(0).data))

    def predict(batch: Any) -> Any:
        ring[0].start_async({0: batch})
        return collect(ring[0])

    def stream(batches: Iterable[Any]) -> Iterator[Any]:
        started = finished = 0
        for batch in batches:
            if started - finished == len(ring):
                yield collect(ring[finished % len(ring)])
                finished += 1
            ring[started % len(ring)].start_async({0: batch})
            started += 1
        while finished < started:
            yield collect(ring[finished % len(ring)])
            finished += 1

    def kernels() -> dict[str, int]:
        found: Counter[str] = Counter()
        for op in compiled.get_runtime_model().get_ops():
            info = op.get_rt_info()
            if info["layerType"].astype(str) in ("Convolution", "FullyConnected", "MatMul"):
                found[info["runtimePrecision"].astype(str)] += 1
        return dict(sorted(found.items()))

    facts = {
        "isa": _isa(compiled),
        "version": versions("openvino"),
        "threads": int(compiled.get_property("INFERENCE_NUM_THREADS")),
        "streams": int(compiled.get_property("NUM_STREAMS")),
    }
    return Model(predict, [xml, xml.with_suffix(".bin")], facts, stream, kernels)


def _isa(compiled: Any) -> str | None:
    try:
        requirements = str(compiled.get_property("RUNTIME_REQUIREMENTS"))
    except RuntimeError:  # older versions do not report it
        return None
    return dict(part.partition("=")[::2] for part in requirements.split(";")).get("isa")
