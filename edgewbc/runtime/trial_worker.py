"""The subprocess of `trial`: run a model within limits, and report what is wrong with it."""

from __future__ import annotations

import json
import os
import sys

import numpy as np

from edgewbc.errors import UserError
from edgewbc.runtime.predictor import Backend, Predictor, fault
from edgewbc.runtime.trial import REMEDY, TrialJob
from edgewbc.utils.subprocesses import write_result


def main() -> None:
    """Read a job and a model from stdin, run the model, and write to stdout what is wrong with it (empty: nothing)."""
    job = TrialJob(**json.loads(sys.stdin.buffer.readline()))
    _limit(job.memory, job.seconds)
    contents = [sys.stdin.buffer.read(size) for size in job.sizes]
    try:
        write_result(_run(job, contents))
    except UserError as error:
        write_result(str(error).removeprefix("the model: ").removeprefix("the ONNX model: "))
    except (MemoryError, RuntimeError, ValueError) as error:
        write_result(f"cannot be run: {' '.join(str(error).split())[-200:] or 'out of memory'}; {REMEDY}")
    sys.stdout.flush()
    os._exit(0)  # a damaged model may still crash while it is freed, which must not affect the result


def _run(job: TrialJob, contents: list[bytes]) -> str:
    predictor: Predictor
    if job.backend == Backend.OPENVINO:
        from edgewbc.runtime.openvino_engine import OpenVINOPredictor

        predictor = OpenVINOPredictor(*contents, precision=job.precision, threads=1)
    elif job.backend == Backend.ONNX:
        from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor

        predictor = ONNXRuntimePredictor(contents[0], precision=job.precision, threads=1)
    else:
        raise ValueError(f"there is no trial of {job.backend}")
    info, size = predictor.info, (*job.input, 3)
    if info.classes != job.classes or list(info.input_size) != list(job.input):
        return f"the model has {info.classes} classes and takes {info.input_size} pixels, unlike its manifest.json"
    random = np.random.default_rng(0)
    images = np.stack([np.zeros(size, np.uint8), random.integers(0, 256, size, dtype=np.uint8)])
    for batch in (images[:1], images):
        found = predictor(batch)
        if found.probabilities.shape != (len(batch), info.classes) or len(found.features) != len(batch):
            return f"the model gives {found.probabilities.shape} probabilities for {len(batch)} images"
        if why := fault(found.probabilities, found.features):
            return f"{why}: it is not a model of a bundle"
    return ""


def _limit(memory: int, seconds: float) -> None:
    """Limit this process's memory and processor time, where the system can; never write a core dump."""
    try:
        import resource
    except ImportError:  # Windows: the caller's time limit remains
        return
    for what, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, int(4 * seconds)),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        if hard == resource.RLIM_INFINITY or limit <= hard:
            try:
                resource.setrlimit(what, (limit, hard))
            except (OSError, ValueError):  # macOS does not limit the address space
                continue
