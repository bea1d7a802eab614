"""What this PC's cores could do from file to label if they did nothing but the work.

That is CPU time of decoding and preparing a picture, plus CPU time of answering it, over the cores. A core alone is
faster than one of several at work: its clock is higher, it has the caches and the memory to itself, and two "cores" are
often threads of one. So each part is measured while every core does the same; and on one alone, to be seen beside it.
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
from numpy.typing import NDArray

from edgewbc.bundle.bundle import Bundle
from edgewbc.images.decode import decode
from edgewbc.lab.cpu_budget import one_thread_in_opencv
from edgewbc.pixels import PixelSpec, prepare
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.tuning import Choice

PICTURES = 256
"""That are answered in full batches to measure inference; they come again where there are fewer."""


@contextmanager
def parts(choice: Choice, bundle: Bundle, files: list[Path], batch: int) -> Iterator[dict[str, Callable[[], float]]]:
    """What is measured of a bundle: CPU milliseconds a picture, each time that it is called.

    Args:
        choice: whose precision and threads count; each thread answers by itself.
        files: pictures, which the system holds in memory.
        batch: pictures that are answered at once.

    Yields:
        `decode_ms` and `inference_ms`, with every core at the same; `decode_alone_ms` and `inference_alone_ms`.
    """
    spec, cores = bundle.pixels, choice.threads
    files_of_model = choice.files(bundle)
    every = replace(choice, streams=cores).predictor(files_of_model)
    alone = replace(choice, threads=1, streams=1).predictor(files_of_model)
    some = [prepare(decode(file.read_bytes()).image, spec) for file in files[:PICTURES]]
    stack = np.resize(np.stack(some), (max(batch, PICTURES // batch * batch), *some[0].shape))
    batches = [stack[index : index + batch] for index in range(0, len(stack), batch)]
    for engine in (every, alone):
        list(engine.stream(batches[:1] * cores))  # weights are packed in the first
    with one_thread_in_opencv(), ThreadPoolExecutor(cores) as pool:
        yield {
            "decode_ms": lambda: _decoding(pool, cores, files, spec),
            "inference_ms": lambda: _inference(every, batches * cores),
            "decode_alone_ms": lambda: _decoding(pool, 1, files, spec),
            "inference_alone_ms": lambda: _inference(alone, batches),
        }


def _decoding(pool: ThreadPoolExecutor, threads: int, files: list[Path], spec: PixelSpec) -> float:
    """CPU milliseconds of decoding and preparing a picture, in so many threads at once, each of which does all."""
    start = threading.Barrier(threads)
    work = [pool.submit(_decoded, files, spec, start) for _ in range(threads)]
    return 1000 * sum(one.result() for one in work) / (threads * len(files))


def _decoded(files: list[Path], spec: PixelSpec, together: threading.Barrier) -> float:
    """CPU seconds of one thread, that of reading the files left out."""
    together.wait()
    spent = 0.0
    for file in files:
        data = file.read_bytes()
        start = time.thread_time()
        prepare(decode(data).image, spec)
        spent += time.thread_time() - start
    return spent


def _inference(engine: OpenVINOPredictor, batches: list[NDArray[np.uint8]]) -> float:
    """CPU milliseconds of answering a picture; of the whole process, as OpenVINO's threads do the work."""
    start = time.process_time()
    for _ in engine.stream(batches):
        pass
    return 1000 * (time.process_time() - start) / sum(map(len, batches))
