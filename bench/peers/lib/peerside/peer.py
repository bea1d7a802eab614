"""Shared by every peer's `measure.py`: a job as JSON on stdin, the result as JSON on stdout after a marker.

It runs in the peer's environment. `prepare` (training, conversion) uses the standard library and the peer's packages
only. To measure, the timing code of edgewbc (`edgewbc.bench.timing`) is imported from the checkout, so that the same
code times all rows; it needs numpy and OpenCV, and none of edgewbc's runtimes.

A `measure.py` calls `main(prepare, load)`:

    prepare(job) -> dict    job: see `peerbench.preparation.PreparationSettings.job`. The result holds:
        classes     class names, in the order of the network's outputs
        inputs      the split's images after the peer's own preprocessing (`save_inputs`); or by row, in `rows`
        rows        by key: what `load` needs, and `input` ([height, width]), `network` (hash of the weights), `xml`,
                    `precision`; or `error`, the reason why there is no such row
        minutes     of training; None if it does not train
        facts       other facts for the result
    load(job, row) -> Model     job: see `peerbench.rounds`; row: from the result of `prepare`
"""

from __future__ import annotations

import time

START = time.perf_counter()  # before any runtime: importing it is part of a cold start

import hashlib  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import traceback  # noqa: E402
from collections.abc import Callable, Iterable, Iterator, Sequence  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from importlib import metadata  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

MARKER = "edgewbc-told:"
"""The marker of `edgewbc.utils.subprocesses`."""

BATCH = 32
"""Batch size for work that is not timed."""


@dataclass
class Model:
    """A network that is ready to run.

    Attributes:
        predict: maps a batch of inputs (n, ...) to probabilities, float32 (n, K).
        files: the model files.
        facts: version, and isa, threads and streams if the runtime reports them.
        stream: runs batches and yields the results in order, several at once if the runtime can; None uses `predict`.
        kernels: counts layers by the precision that ran; called after the timing.
    """

    predict: Callable[[Any], Any]
    files: Sequence[Path]
    facts: dict[str, Any]
    stream: Callable[[Iterable[Any]], Iterator[Any]] | None = None
    kernels: Callable[[], dict[str, int] | None] = field(default=lambda: None)

    def predictions(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Run batches and yield their probabilities in order."""
        return map(self.predict, batches) if self.stream is None else self.stream(batches)


class UnsupportedError(Exception):
    """The peer does not support the job; the message is one line, which becomes the row's `error`."""


def main(prepare: Callable[[dict[str, Any]], dict[str, Any]], load: Callable[..., Model]) -> None:
    """Read a job, run it and print the result; on failure the result holds `error`, one line."""
    job = json.load(sys.stdin)
    try:
        result = prepare(job) if job["action"] == "prepare" else measure(job, load)
    except UnsupportedError as error:
        result = {"error": str(error)}
    except Exception as error:  # a peer's failure is a row, whatever it raised
        traceback.print_exc()
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        result = {"error": f"{type(error).__name__}: {lines[0] if lines else 'no message'}"}
    print(f"\n{MARKER}{json.dumps(result, allow_nan=False)}", flush=True)


def measure(job: dict[str, Any], load: Callable[..., Model]) -> dict[str, Any]:
    """Measure a row of a peer; the result has the keys of `edgewbc.bench.worker.measure`."""
    import numpy as np

    from edgewbc.bench.resource_use import CpuUse, peak_memory
    from edgewbc.bench.rounds import tidy
    from edgewbc.bench.timing import POOL, latency, throughput

    row = job["row"]
    pool = read_inputs(row["inputs"], 0, POOL)
    model = load(job, row)
    model.predict(pool[:1])
    cold_start = time.perf_counter() - START
    timed = _Timed(model)
    if job["mode"] == "latency":
        with CpuUse() as use:
            samples = latency(timed, pool, job["seconds"])  # type: ignore[arg-type]
        found: dict[str, Any] = {"samples_ms": [tidy(value) for value in samples], "cores_busy": tidy(use.cores, 3)}
    else:
        for size in job["batches"]:  # compilation for each size must not count
            model.predict(np.resize(pool, (size, *pool.shape[1:])))
        measured = throughput(timed, pool, job["batches"], job["seconds"])  # type: ignore[arg-type]
        found = {
            "images_per_s": tidy(measured.images_per_s),
            "batch": measured.batch,
            "cores_busy": tidy(measured.cores_busy, 3),
        }
    memory = peak_memory()  # before the kernels are listed and all images are predicted
    digest = hashlib.sha256()
    for path in model.files:
        digest.update(Path(path).read_bytes())
    found |= {
        "size_mb": sum(Path(path).stat().st_size for path in model.files) / 1e6,
        "model_sha256": digest.hexdigest(),
        **{name: model.facts.get(name) for name in ("isa", "version", "threads", "streams")},
        "kernels": model.kernels(),
        "cold_start_s": tidy(cold_start),
        "rss_mb": None if memory is None else memory / 1e6,
    }
    if job["predictions"] is not None:
        np.save(job["predictions"], np.concatenate(list(model.predictions(_batches(row["inputs"])))).astype(np.float32))
    return found


@dataclass(frozen=True)
class _Info:
    """The part of `edgewbc.runtime.predictor.ModelInfo` that the timing needs."""

    streams: int


class _Timed:
    """Adapts a model to the `edgewbc.runtime.predictor.Predictor` interface, as far as the timing uses it."""

    def __init__(self, model: Model) -> None:
        self.stream = model.predictions
        self.info = _Info(model.facts.get("streams") or 1)
        self._predict = model.predict

    def __call__(self, images: Any) -> Any:
        return self._predict(images)


def save_inputs(path: Path, batches: Iterable[Any]) -> dict[str, Any]:
    """Write inputs as raw bytes and return `inputs`; `read_inputs` reads them in parts to keep memory low."""
    shape: tuple[int, ...] = ()
    count, kind = 0, ""
    with path.open("wb") as file:
        for batch in batches:
            shape, kind, count = batch.shape[1:], str(batch.dtype), count + len(batch)
            file.write(batch.tobytes())
    return {"file": str(path), "dtype": kind, "shape": [count, *shape]}


def read_inputs(inputs: dict[str, Any], start: int, count: int) -> Any:
    """Read at most `count` inputs from index `start`."""
    import numpy as np

    n, *shape = inputs["shape"]
    values = int(np.prod(shape))
    kind = np.dtype(inputs["dtype"])
    count = min(count, n - start)
    data = np.fromfile(inputs["file"], dtype=kind, count=count * values, offset=start * values * kind.itemsize)
    return data.reshape(count, *shape)


def _batches(inputs: dict[str, Any]) -> Iterator[Any]:
    for start in range(0, inputs["shape"][0], BATCH):
        yield read_inputs(inputs, start, BATCH)


def listed(job: dict[str, Any], split: str) -> list[tuple[Path, str]]:
    """Return (file, label) of each cropped image of a split, in the order of the manifest."""
    top = Path(job["images"])
    index = json.loads((top / "index.json").read_text(encoding="utf-8"))
    return [(top / name, label) for name, label in index["pictures"].get(split, [])]


def batched(items: Any, size: int = BATCH) -> Iterator[Any]:
    """Split a sequence or an array into parts; the last one may be shorter."""
    return (items[start : start + size] for start in range(0, len(items), size))


def allow_torchvision_with_cpu_torch() -> None:
    """Make torchvision importable with a CPU build of torch.

    The package registry's torchvision is built for CUDA. With a CPU build of torch its library does not load, and
    importing it fails because two operators (for detection, not used here) are missing. This function declares them.
    """
    torch: Any = importlib.import_module("torch")
    if torch.version.cuda is not None:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(library)  # the declarations are removed when the library is deleted


_KEPT: list[Any] = []


def versions(*names: str) -> str:
    """Return the installed versions, such as `onnxruntime 1.32.0, timm 1.0.31`."""
    found = []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def softmax(logits: Any) -> Any:
    """Convert logits to probabilities, float32 (n, K)."""
    import numpy as np

    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), dtype=np.float32)
