"""CPU time of decoding and of inference per image: the limit that the cores set to the speed from file to label.

The limit is the number of cores over the CPU time that an image takes to decode, prepare and predict. A core that works
alone is faster than one of several: it has a higher clock, the caches and the memory bandwidth to itself, and two
"cores" are often threads of one. Each part is therefore measured with every core busy with the same work; and also on a
single core, for comparison.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgewbc.bundle.bundle import Bundle
from edgewbc.images.decode import decode
from edgewbc.lab.cpu_budget import one_thread_in_opencv
from edgewbc.pixels import PixelSpec
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Batch
from edgewbc.runtime.tuning import Choice
from edgewbc.smear.prepare import Preparer

IMAGES = 256
"""Number of images predicted in full batches to measure inference; repeated where there are fewer files."""


@contextmanager
def cpu_times(
    choice: Choice, bundle: Bundle, files: list[Path], batch: int
) -> Iterator[dict[str, Callable[[], float]]]:
    """Provide functions that each measure the CPU time of a part per image, anew at every call.

    Args:
        choice: precision and number of threads; each thread runs as a stream of its own.
        bundle: the model.
        files: images, which should be in the system's file cache.
        batch: batch size for inference.

    Yields:
        functions without arguments that return CPU milliseconds per image: `decode_ms` and `inference_ms` with every
        core busy with the same work, `decode_alone_ms` and `inference_alone_ms` on a single core.
    """
    spec, cores = bundle.pixels, choice.threads
    model = choice.files(bundle)
    all_cores = replace(choice, streams=cores).predictor(model)
    alone = replace(choice, threads=1, streams=1).predictor(model)
    prepare = Preparer(spec)
    prepared = [prepare(decode(file.read_bytes()).image) for file in files[:IMAGES]]
    stack = np.resize(np.stack(prepared), (max(batch, IMAGES // batch * batch), *prepared[0].shape))
    batches = [stack[index : index + batch] for index in range(0, len(stack), batch)]
    for engine in (all_cores, alone):
        list(engine.stream(batches[:1] * cores))  # the first batches pack weights
    with one_thread_in_opencv(), ThreadPoolExecutor(cores) as pool:
        yield {
            "decode_ms": lambda: _decoding(pool, cores, files, spec),
            "inference_ms": lambda: _inference(all_cores, batches * cores),
            "decode_alone_ms": lambda: _decoding(pool, 1, files, spec),
            "inference_alone_ms": lambda: _inference(alone, batches),
        }


def _decoding(pool: ThreadPoolExecutor, threads: int, files: list[Path], spec: PixelSpec) -> float:
    """Return CPU milliseconds to decode and prepare an image, with `threads` threads that each process all files."""
    barrier = threading.Barrier(threads)
    work = [pool.submit(_decode_all, files, spec, barrier) for _ in range(threads)]
    return 1000 * sum(one.result() for one in work) / (threads * len(files))


def _decode_all(files: list[Path], spec: PixelSpec, barrier: threading.Barrier) -> float:
    """Return the CPU seconds of one thread to decode and prepare all files; reading them is not counted."""
    barrier.wait()
    seconds, prepare = 0.0, Preparer(spec)
    for file in files:
        data = file.read_bytes()
        start = time.thread_time()
        prepare(decode(data).image)
        seconds += time.thread_time() - start
    return seconds


def _inference(engine: OpenVINOPredictor, batches: list[Batch]) -> float:
    """Return CPU milliseconds to predict an image, of the whole process: OpenVINO's own threads do the work."""
    start = time.process_time()
    for _ in engine.stream(batches):
        pass
    return 1000 * (time.process_time() - start) / sum(map(len, batches))
