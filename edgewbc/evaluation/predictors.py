"""One way to ask any model for answers: uint8 pictures in, probabilities out, whatever runs underneath.

`eval` and `bench` both answer pictures through `load`, so that an accuracy and a speed are those of the same thing.
A bundle's OpenVINO model needs the lab side only; ONNX Runtime and torch are imported when they are asked for.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgewbc import runs
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec
from edgewbc.utils.files import sha256
from edgewbc.utils.optional import need

BACKENDS = ("openvino", "onnx", "torch")
PRECISIONS = ("f32", "bf16", "int8")
Hint = Literal["latency", "throughput"]

Batch = NDArray[np.uint8]
"""Prepared pictures, uint8 RGB (n, height, width, 3)."""

Predictor = Callable[[Batch], NDArray[np.float32]]
"""A batch to its probabilities, float32 (n, K)."""


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to answer.

    Attributes:
        predict: answers one batch and waits for it.
        stream: answers batches in their order, several at once where the runtime can.
        classes, pixels: of the model.
        model: what tables call it.
        backend: one of `BACKENDS`.
        precision: one of `PRECISIONS`; what really ran, read back from the runtime where it can be.
        size: bytes of the files that answer.
        sha256: names the files that answer. Of a run it is that of `model.safetensors`, save for quantized files.
        facts: `isa`, `threads` and `streams` as far as the runtime tells them (None else), and `version`.
        kernels: counts the convolutions and dense layers by the precision in which the runtime says that it runs them,
            such as {"u8": 13}; None where it does not tell.
    """

    predict: Predictor
    stream: Callable[[Iterable[Batch]], Iterator[NDArray[np.float32]]]
    classes: tuple[str, ...]
    pixels: PixelSpec
    model: str
    backend: str
    precision: str
    size: int
    sha256: str
    facts: dict[str, Any] = field(default_factory=dict)
    kernels: Callable[[], dict[str, int] | None] = lambda: None


@dataclass(frozen=True)
class _Files:
    """Where a model's bytes come from: the contents of its files, and what names them."""

    contents: tuple[bytes, ...]
    sha256: str
    size: int


def load(
    path: Path,
    *,
    backend: str | None = None,
    precision: str | None = None,
    threads: int | None = None,
    hint: Hint = "latency",
    streams: int | None = None,
    converted: Path | None = None,
) -> Loaded:
    """Make a model ready to answer.

    Args:
        path: a bundle (folder or zip) or a run folder.
        backend: None takes openvino for a bundle; for a run torch, or openvino for int8.
        precision: None takes a bundle's default, and f32 for a run. bf16 is the f32 model computed in bfloat16.
        threads: of the runtime; None leaves it to the runtime.
        hint, streams: as `lab.engine.Engine` takes them; the other backends have no such choice.
        converted: a folder that `convert` filled from this run; without it, the run is converted when it must be.

    Raises:
        UserError: no model there, it has no such precision, the runtime is not installed or refuses it, or the CPU
            cannot compute in that precision.
    """
    run = runs.is_run(path)
    if precision is None:
        precision = "f32" if run else Bundle.open(path).default_precision
    if backend is None:
        backend = "torch" if run and precision != "int8" else "openvino"
    if backend not in BACKENDS:
        raise UserError(f"backend {backend!r}: use one of {', '.join(BACKENDS)}")
    if precision not in PRECISIONS:
        raise UserError(f"precision {precision!r}: use one of {', '.join(PRECISIONS)}")
    if threads is not None and threads < 1:
        raise UserError(f"{threads} threads: use 1 or more")
    if backend == "torch":
        return _torch(path, precision, threads)
    if backend == "onnx":
        return _onnx(path, precision, threads, converted)
    return _openvino(path, precision, threads, hint, streams, converted)


def convert(run: Path, folder: Path, backend: str) -> None:
    """Write a run's network into a folder: as `f32.xml` and `f32.bin` for openvino, as `f32.onnx` for onnx.

    Raises:
        UserError: not a run, or what converts it is not installed.
    """
    need("torch", f"{run}: a run folder")
    from edgewbc.export import graph
    from edgewbc.nets import model

    net, spec = model.load(run)
    if backend == "openvino":
        graph.save_ir(graph.to_openvino(net, spec), folder / "f32.xml")
    else:
        graph.to_onnx(net, spec, folder / "f32.onnx")


def _openvino(
    path: Path, precision: str, threads: int | None, hint: Hint, streams: int | None, converted: Path | None
) -> Loaded:
    from edgewbc.runtime.openvino_engine import Engine

    files = _files(path, "openvino", precision, converted)
    compute: Literal["f32", "bf16"] = "bf16" if precision == "bf16" else "f32"
    engine = Engine(
        *files.contents, compute=compute, threads=threads, hint=hint, streams=streams, name=f"{path} ({precision})"
    )
    if engine.info["compute"] != compute:
        raise UserError(
            f"{path}: this CPU computes in {engine.info['compute']}, not in {compute}: use another precision"
        )
    facts = {name: engine.info[name] for name in ("isa", "threads", "streams")} | _version("openvino")
    return Loaded(
        lambda batch: engine(batch).probabilities,
        lambda batches: (answer.probabilities for answer in engine.stream(batches)),
        *_identity(path),
        "openvino",
        precision,
        files.size,
        files.sha256,
        facts,
        engine.kernels,
    )


def _onnx(path: Path, precision: str, threads: int | None, converted: Path | None) -> Loaded:
    if precision == "bf16":
        raise UserError(f"{path}: ONNX Runtime does not compute in bf16 on a CPU: use openvino or torch")
    files = _files(path, "onnx", precision, converted)
    need("onnxruntime", f"{path}: ONNX Runtime")
    from edgewbc.runtime.onnxruntime_engine import OrtModel

    model = OrtModel(files.contents[0], threads=threads)

    def predict(batch: Batch) -> NDArray[np.float32]:
        return np.asarray(model(batch)[0], dtype=np.float32)

    facts = {"isa": None, "threads": threads, "streams": 1} | _version("onnxruntime")
    return Loaded(predict, _one_by_one(predict), *_identity(path), "onnx", precision, files.size, files.sha256, facts)


def _torch(path: Path, precision: str, threads: int | None) -> Loaded:
    if not runs.is_run(path):
        raise UserError(f"{path}: torch answers from a run folder, and this is none: use openvino or onnx")
    if precision == "int8":
        raise UserError(f"{path}: torch does not answer in int8: use openvino or onnx")
    need("torch", f"{path}: a run folder")
    import torch

    from edgewbc.nets import model
    from edgewbc.nets.export_wrapper import Deployed

    if threads is not None:
        torch.set_num_threads(threads)
    net, spec = model.load(path)
    deployed = Deployed(net, spec.pixels).eval().to(memory_format=torch.channels_last)  # pictures come in NHWC

    def predict(batch: Batch) -> NDArray[np.float32]:
        half = torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16")
        with torch.inference_mode(), half:
            return np.asarray(deployed(torch.from_numpy(batch))[0].float().numpy())

    weights = path / model.WEIGHTS
    facts = {"isa": torch.backends.cpu.get_cpu_capability(), "threads": torch.get_num_threads(), "streams": 1}
    return Loaded(
        predict,
        _one_by_one(predict),
        *_identity(path),
        "torch",
        precision,
        weights.stat().st_size,
        sha256(weights),
        facts | _version("torch"),
    )


def _files(path: Path, backend: str, precision: str, converted: Path | None) -> _Files:
    """The files that answer; bf16 is computed from those of f32."""
    held = "f32" if precision == "bf16" else precision
    if not runs.is_run(path):
        bundle = Bundle.open(path)
        contents = tuple(bundle.read(name) for name in bundle.model_files(backend, held))
        return _Files(contents, hashlib.sha256(b"".join(contents)).hexdigest(), sum(map(len, contents)))
    names = [f"{held}.xml", f"{held}.bin"] if backend == "openvino" else [f"{held}.onnx"]
    if held == "int8":
        paths = [path / backend / name for name in names]
        if not all(file.is_file() for file in paths):
            raise UserError(f"{path}: holds no {paths[0].relative_to(path)}: make it with `edgewbc quantize --int8`")
        return _Files(tuple(file.read_bytes() for file in paths), sha256(*paths), sum(f.stat().st_size for f in paths))
    with tempfile.TemporaryDirectory(prefix="edgewbc-") as temporary:
        if converted is None:
            converted = Path(temporary)
            convert(path, converted, backend)
        contents = tuple((converted / name).read_bytes() for name in names)
    return _Files(contents, sha256(path / "model.safetensors"), sum(map(len, contents)))


def _identity(path: Path) -> tuple[tuple[str, ...], PixelSpec, str]:
    if runs.is_run(path):
        spec = runs.spec(path)
        return spec.classes, spec.pixels, path.resolve().name
    bundle = Bundle.open(path)
    return bundle.classes, bundle.pixels, bundle.name


def _one_by_one(predict: Predictor) -> Callable[[Iterable[Batch]], Iterator[NDArray[np.float32]]]:
    return lambda batches: (predict(batch) for batch in batches)


def _version(package: str) -> dict[str, Any]:
    return {"version": runs.versions(package).get(package)}
