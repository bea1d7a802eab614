"""Load a run or a bundle on any backend.

`eval` and `bench` both get their model from `load`, so that accuracy and speed refer to the same model. A bundle's
OpenVINO model needs only the lab side; ONNX Runtime and torch are imported when they are requested.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never

from edgewbc import runs
from edgewbc.bundle.bundle import Bundle, ModelFiles
from edgewbc.decision.calibration import Calibration
from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec
from edgewbc.runtime import trial
from edgewbc.runtime.predictor import Backend, Compute, Hint, Predictor
from edgewbc.smear.views import Views
from edgewbc.utils.files import sha256
from edgewbc.utils.optional import need

PRECISIONS = ("f32", "bf16", "int8")

_NAMES = {Backend.OPENVINO: ("{}.xml", "{}.bin"), Backend.ONNX: ("{}.onnx",)}
"""File names of a run's model by backend, with a place for the precision."""


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready to run.

    Attributes:
        predictor: runs batches; its `info` says on which backend and in which precision.
        classes, pixels: of the model.
        name: name of the model in tables.
        sha256: identifies the files that run. For a run it is the hash of `model.safetensors`, except for quantized
            files, which are identified by their own.
        size: total size of the files that run, in bytes.
        calibration: of the probabilities, which a bundle can carry; None if they are used as the network gives them.
        averaged: further views of a cell, where the label is that of the mean over all views; None where it is that of
            the upright one, and for run folders, which are networks that nothing decides by.
    """

    predictor: Predictor
    classes: tuple[str, ...]
    pixels: PixelSpec
    name: str
    sha256: str
    size: int
    calibration: Calibration | None = None
    averaged: Views | None = None


def load(
    path: Path,
    *,
    backend: str | None = None,
    precision: str | None = None,
    threads: int | None = None,
    hint: Hint = "latency",
    streams: int | None = None,
    converted: Path | None = None,
) -> LoadedModel:
    """Load a model.

    Args:
        path: a bundle (folder or zip) or a run folder.
        backend: a `Backend`; None uses openvino for a bundle, and for a run torch, or openvino for int8.
        precision: one of `PRECISIONS`; None uses a bundle's default, and f32 for a run. bf16 is the f32 model computed
            in bfloat16.
        threads: threads of the runtime; None leaves it to the runtime.
        hint, streams: see `OpenVINOPredictor`; ignored by the other backends.
        converted: folder that `convert` filled from this run; if None, the f32 files of a quantized run are
            used, and any other run is converted when necessary.

    Raises:
        UserError: there is no model at `path`, it lacks that precision, a run is not finished or has changed, the
            runtime is not installed or rejects the model, or the CPU cannot compute in that precision.
    """
    if runs.is_begun(path):
        runs.check_finished(path)
    bundle = None if runs.is_run(path) else Bundle.open(path)
    if precision is None:
        precision = "f32" if bundle is None else bundle.default_precision
    if backend is None:
        backend = Backend.TORCH if bundle is None and precision != "int8" else Backend.OPENVINO
    if backend not in tuple(Backend):
        raise UserError(f"backend {backend!r}: use one of {', '.join(Backend)}")
    chosen = Backend(backend)
    if precision not in PRECISIONS:
        raise UserError(f"precision {precision!r}: use one of {', '.join(PRECISIONS)}")
    if threads is not None and threads < 1:
        raise UserError(f"{threads} threads: use 1 or more")
    compute: Compute = "bf16" if precision == "bf16" else "f32"
    if chosen is Backend.TORCH:
        return _torch(path, precision, compute, threads)
    if chosen is Backend.ONNX and compute == "bf16":
        raise UserError(f"{path}: ONNX Runtime does not compute in bf16 on a CPU: use openvino or torch")
    stored = "f32" if compute == "bf16" else precision
    files, digest = _of_run(path, chosen, stored, converted) if bundle is None else _of_bundle(bundle, chosen, stored)
    predictor: Predictor
    match chosen:
        case Backend.ONNX:
            from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor

            need("onnxruntime", f"{path}: ONNX Runtime")
            predictor = ONNXRuntimePredictor(files.contents[0], precision=precision, threads=threads)
        case Backend.OPENVINO:
            from edgewbc.runtime.openvino_engine import OpenVINOPredictor

            predictor = OpenVINOPredictor.from_files(
                files, compute=compute, threads=threads, hint=hint, streams=streams
            )
            if predictor.info.compute != compute:
                raise UserError(
                    f"{path}: this CPU computes in {predictor.info.compute}, not in {compute}: use another precision"
                )
        case _:
            assert_never(chosen)
    if bundle is not None:
        trial.check_info(bundle, predictor.info)
        manifest = bundle.manifest
        about = (bundle.classes, bundle.pixels, bundle.name, digest, files.size, manifest.calibration)
        return LoadedModel(predictor, *about, manifest.averaged)
    spec = runs.spec(path)
    return LoadedModel(predictor, spec.classes, spec.pixels, path.resolve().name, digest, files.size)


def convert(run: Path, folder: Path, backend: Backend) -> None:
    """Write a run's network into a folder: as `f32.xml` and `f32.bin` for openvino, as `f32.onnx` for onnx.

    Raises:
        ValueError: there is no conversion for the backend.
        UserError: not a run, or a package that the conversion needs is not installed.
    """
    need("torch", f"{run}: a run folder")
    from edgewbc.export import graph
    from edgewbc.nets import model

    net, spec = model.load(run)
    if backend is Backend.OPENVINO:
        graph.save_ir(graph.to_openvino(net, spec), folder / "f32.xml")
    elif backend is Backend.ONNX:
        graph.to_onnx(net, spec, folder / "f32.onnx")
    else:
        raise ValueError(f"a network is not converted for {backend}")


def _torch(path: Path, precision: str, compute: Literal["f32", "bf16"], threads: int | None) -> LoadedModel:
    if not runs.is_run(path):
        raise UserError(f"{path}: torch runs a run folder, not a bundle: use openvino or onnx")
    if precision == "int8":
        raise UserError(f"{path}: torch does not run int8: use openvino or onnx")
    need("torch", f"{path}: a run folder")
    from edgewbc.nets.torch_predictor import TorchPredictor

    runs.verify(path)
    spec, weights = runs.spec(path), path / runs.WEIGHTS
    predictor = TorchPredictor.from_run(path, precision=compute, threads=threads)
    name = path.resolve().name
    return LoadedModel(predictor, spec.classes, spec.pixels, name, sha256(weights), weights.stat().st_size)


def _of_bundle(bundle: Bundle, backend: Backend, precision: str) -> tuple[ModelFiles, str]:
    """Return a bundle's model and the hash that identifies it."""
    files = trial.read_model(bundle, backend, precision)
    return files, files.sha256


def _of_run(run: Path, backend: Backend, precision: str, converted: Path | None) -> tuple[ModelFiles, str]:
    """Return a run's quantized model, or its f32 network converted, and the hash that identifies it."""
    names = [name.format(precision) for name in _NAMES[backend]]
    label = f"{run} ({precision})"
    if precision == "int8":
        paths = [run / backend / name for name in names]
        if not all(file.is_file() for file in paths):
            raise UserError(f"{run}: holds no {paths[0].relative_to(run)}: make it with `edgewbc quantize --int8`")
        runs.verify_quantized(run)
        quantized = ModelFiles(tuple(file.read_bytes() for file in paths), precision, label)
        return quantized, quantized.sha256
    runs.verify(run)
    with tempfile.TemporaryDirectory(prefix="edgewbc-") as temporary:
        if converted is None:
            converted = runs.stored_f32(run, backend, names)
        if converted is None:
            converted = Path(temporary)
            convert(run, converted, backend)
        contents = tuple((converted / name).read_bytes() for name in names)
    return ModelFiles(contents, precision, label), sha256(run / runs.WEIGHTS)
