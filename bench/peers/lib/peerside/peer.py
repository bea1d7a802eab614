"""What every peer's `measure.py` shares: a job as JSON on stdin, an answer as JSON on stdout after a marker.

It runs in the peer's environment. `prepare` (training, conversion) sees the standard library and the peer alone; to
measure, the toolkit's own clock (`edgewbc.bench.timing`) is imported from the checkout, so that all are timed by the
same code: plain numpy and OpenCV, no runtime of the toolkit's.

A `measure.py` calls `main(prepare, load)`:

    prepare(job) -> dict    job: see `peerbench.preparation.Order.job`. What it gives:
        classes     names in the order of the network's outputs
        inputs      what its own preprocessing makes of the split's pictures (`save_inputs`); or by row, in `rows`
        rows        by key: what `load` needs, and `input` ([height, width]), `network` (names the weights), `xml`,
                    `precision`; or `error`: why not
        minutes     of training; None if it does not train
        facts       whatever else should stand in the results
    load(job, row) -> Model     job: see `peerbench.turns`; row: that of `prepare`
"""

from __future__ import annotations

import time

START = time.perf_counter()  # before any runtime: its import is part of a cold start

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
"""As in `edgewbc.utils.subprocesses`."""

AT_ONCE = 32


@dataclass
class Model:
    """A network that is ready to answer.

    Attributes:
        predict: a batch of inputs, (n, ...), to probabilities, float32 (n, K).
        files: that answer.
        facts: isa, threads and streams as far as the runtime tells them, and version.
        stream: answers batches in their order, several at once where the runtime can; None takes `predict`.
        kernels: counts layers by the precision that ran; asked for after the timing.
    """

    predict: Callable[[Any], Any]
    files: Sequence[Path]
    facts: dict[str, Any]
    stream: Callable[[Iterable[Any]], Iterator[Any]] | None = None
    kernels: Callable[[], dict[str, int] | None] = field(default=lambda: None)

    def answers(self, batches: Iterable[Any]) -> Iterator[Any]:
        return map(self.predict, batches) if self.stream is None else self.stream(batches)


class Refused(Exception):
    """Why a peer cannot do what it was asked: one line, which becomes the row's `error`."""


def main(prepare: Callable[[dict[str, Any]], dict[str, Any]], load: Callable[..., Model]) -> None:
    """Read a job, do it, tell the answer; whatever goes wrong is an answer with `error`, one line."""
    job = json.load(sys.stdin)
    try:
        answer = prepare(job) if job["action"] == "prepare" else measure(job, load)
    except Refused as error:
        answer = {"error": str(error)}
    except Exception as error:  # a peer's failure is a row, whatever it raised
        traceback.print_exc()
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        answer = {"error": f"{type(error).__name__}: {lines[0] if lines else 'no message'}"}
    print(f"\n{MARKER}{json.dumps(answer, allow_nan=False)}", flush=True)


def measure(job: dict[str, Any], load: Callable[..., Model]) -> dict[str, Any]:
    """One turn: what `edgewbc.bench.worker.measure` returns of a row of `edgewbc bench`, of a peer."""
    import numpy as np

    from edgewbc.bench.resource_use import CpuUse, peak_memory
    from edgewbc.bench.rounds import tidy
    from edgewbc.bench.timing import latency, throughput
    from edgewbc.bench.worker import POOL

    row = job["row"]
    pool = read_inputs(row["inputs"], 0, POOL)
    model = load(job, row)
    model.predict(pool[:1])
    cold = time.perf_counter() - START
    timed = _Timed(model)
    if job["mode"] == "latency":
        with CpuUse() as busy:
            samples = latency(timed, pool, job["seconds"])  # type: ignore[arg-type]
        found: dict[str, Any] = {"samples_ms": [tidy(value) for value in samples], "cores_busy": tidy(busy.cores, 3)}
    else:
        for size in job["batches"]:  # a compiler takes its time for each size: it is not to count in the choice
            model.predict(np.resize(pool, (size, *pool.shape[1:])))
        most = throughput(timed, pool, job["batches"], job["seconds"])  # type: ignore[arg-type]
        found = {"images_per_s": tidy(most.images_per_s), "batch": most.batch, "cores_busy": tidy(most.cores_busy, 3)}
    held = peak_memory()  # before the kernels are asked for and all pictures are answered
    digest = hashlib.sha256()
    for path in model.files:
        digest.update(Path(path).read_bytes())
    found |= {
        "size_mb": sum(Path(path).stat().st_size for path in model.files) / 1e6,
        "model_sha256": digest.hexdigest(),
        **{name: model.facts.get(name) for name in ("isa", "version", "threads", "streams")},
        "kernels": model.kernels(),
        "cold_start_s": tidy(cold),
        "rss_mb": None if held is None else held / 1e6,
    }
    if job["predictions"] is not None:
        np.save(job["predictions"], np.concatenate(list(model.answers(_all(row["inputs"])))).astype(np.float32))
    return found


@dataclass(frozen=True)
class _Info:
    """The part of `edgewbc.runtime.predictor.ModelInfo` that the timing needs."""

    streams: int


class _Timed:
    """Adapts a model to the `edgewbc.runtime.predictor.Predictor` interface, as far as the timing uses it."""

    def __init__(self, model: Model) -> None:
        self.stream = model.answers
        self.info = _Info(model.facts.get("streams") or 1)
        self._predict = model.predict

    def __call__(self, images: Any) -> Any:
        return self._predict(images)


def save_inputs(path: Path, batches: Iterable[Any]) -> dict[str, Any]:
    """Write inputs as raw bytes: read a part at a time, they do not count as the model's memory. Gives `inputs`."""
    shape: tuple[int, ...] = ()
    count, kind = 0, ""
    with path.open("wb") as file:
        for batch in batches:
            shape, kind, count = batch.shape[1:], str(batch.dtype), count + len(batch)
            file.write(batch.tobytes())
    return {"file": str(path), "dtype": kind, "shape": [count, *shape]}


def read_inputs(inputs: dict[str, Any], start: int, count: int) -> Any:
    """Inputs from `start`, at most `count`."""
    import numpy as np

    n, *shape = inputs["shape"]
    each = int(np.prod(shape))
    kind = np.dtype(inputs["dtype"])
    count = min(count, n - start)
    found = np.fromfile(inputs["file"], dtype=kind, count=count * each, offset=start * each * kind.itemsize)
    return found.reshape(count, *shape)


def _all(inputs: dict[str, Any]) -> Iterator[Any]:
    for start in range(0, inputs["shape"][0], AT_ONCE):
        yield read_inputs(inputs, start, AT_ONCE)


def listed(job: dict[str, Any], split: str) -> list[tuple[Path, str]]:
    """(file, label) of each drawn picture of a split, in the order of the manifest."""
    top = Path(job["pictures"])
    index = json.loads((top / "index.json").read_text(encoding="utf-8"))
    return [(top / name, label) for name, label in index["pictures"].get(split, [])]


def batched(items: Sequence[Any], size: int = AT_ONCE) -> Iterator[Sequence[Any]]:
    """Parts of a sequence, the last one shorter."""
    return (items[start : start + size] for start in range(0, len(items), size))


def torchvision_beside_cpu_torch() -> None:
    """Let torchvision be imported where its compiled operators cannot be loaded.

    The package registry's torchvision is built for CUDA. Beside a CPU build of torch its library does not load, and
    its import then fails on two operators that it takes for granted. Nothing here uses them (they are for detection):
    they are declared, so that what is plain Python works.
    """
    torch: Any = importlib.import_module("torch")
    if torch.version.cuda is not None:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(library)  # what it declared goes with it


_KEPT: list[Any] = []


def versions(*names: str) -> str:
    """Installed versions, such as `onnxruntime 1.32.0, timm 1.0.31`."""
    found = []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def softmax(logits: Any) -> Any:
    """Probabilities of logits, float32 (n, K)."""
    import numpy as np

    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), dtype=np.float32)
