"""`edgewbc export`: from a run to a bundle, the one thing that crosses to the lab.

Nothing appears at the target before the f32 graphs have answered as torch does, and every file has been measured as
it lies on the disk.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc import runs
from edgewbc.bundle import bundle
from edgewbc.bundle.manifest import BACKENDS, FORMAT, PRECISIONS
from edgewbc.bundle.paths import CARD, HEAD, MANIFEST
from edgewbc.data import images
from edgewbc.data.manifest import Manifest
from edgewbc.data.sampling import balanced
from edgewbc.errors import UserError
from edgewbc.export import bundle_manifest, golden, graph, parity, validation
from edgewbc.export.card import card
from edgewbc.export.validation import ModelFile
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.nets.torch_predictor import TorchPredictor
from edgewbc.utils.files import occupied, read_json, sha256, whole_folder, write_json, write_text
from edgewbc.utils.optional import need
from edgewbc.utils.progress import Progress, quiet

REVIEW_BELOW = 0.5  # without validation pictures to choose it on
PARITY_PICTURES = 64
QUANTIZED = "quantize.json"


@dataclass(frozen=True)
class _Network:
    """A run as it is read from the disk."""

    run: Path
    net: Any
    spec: ModelSpec


def export(
    run: Path,
    *,
    to: Path,
    manifest: Manifest | None = None,
    precisions: Sequence[str] = ("int8",),
    name: str | None = None,
    zip: bool = False,
    progress: Progress = quiet,
) -> Path:
    """Write the bundle of a run.

    Args:
        run: a run folder; for int8 one that `quantize` made.
        to: the bundle's folder, which must not exist or be empty.
        manifest: its validation pictures are what the parity and the accuracy are measured on. Without it parity is
            measured on the golden samples, and the bundle has no evidence.
        precisions: int8, f32 or both; the first of `PRECISIONS` that is among them becomes the default.
        name: of the bundle; None takes that of the folder.
        zip: write the same as `<to>.zip` beside the folder too.
        progress: shows how far it is.

    Returns:
        the folder.

    Raises:
        UserError: not a run, no int8 in it or not of its weights, the target exists, a label is not a class of the
            model.
        GateError: torch, ONNX Runtime and OpenVINO do not answer alike in f32. Nothing is written then.
    """
    for module in ("torch", "onnx", "onnxscript", "onnxruntime"):
        need(module, "edgewbc export")
    wanted = tuple(p for p in PRECISIONS if p in precisions)
    if unknown := sorted(set(precisions) - set(PRECISIONS)):
        raise UserError(f"precision {unknown[0]!r}: a bundle holds {' or '.join(PRECISIONS)}")
    if not wanted:
        raise UserError(f"no precision is named: use one or more of {', '.join(PRECISIONS)}")
    packed = to.with_name(f"{to.name}.zip")
    for target in (to, packed) if zip else (to,):
        if occupied(target):
            raise UserError(f"{target}: exists already, and a bundle is never overwritten: give another --to")
    network = _Network(run, *model.load(run))
    if "int8" in wanted:
        check_quantized(run)
    if manifest is not None:
        images.truth(manifest, manifest.split(validation.SPLIT), network.spec.classes)
    with whole_folder(to) as folder:
        _fill(folder, folder.with_name("f32"), network, manifest, wanted, name or to.resolve().name, progress)
        bundle.seal(folder)
        bundle.Bundle.open(folder).verify()
    if zip:
        bundle.pack(to, packed)
    return to


def check_quantized(run: Path) -> None:
    """Raises UserError unless a run holds int8 files, unchanged, made from the weights that lie beside them."""
    if not (run / QUANTIZED).is_file():
        raise UserError(f"{run}: holds no int8 files: make them with `edgewbc quantize {run} --int8`")
    record = read_json(run / QUANTIZED, "the record of a quantization")
    try:
        told = {model.WEIGHTS: record["model_sha256"], **{k: v for k, v in record["files"].items() if "int8" in k}}
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{run / QUANTIZED}: not the record of a quantization: {error!r}") from None
    for name, digest in told.items():
        if not (run / name).is_file() or sha256(run / name) != digest:
            raise UserError(f"{run / name}: is not the file that was quantized (gone or changed): quantize anew")


def _fill(
    folder: Path,
    scratch: Path,
    network: _Network,
    manifest: Manifest | None,
    precisions: tuple[str, ...],
    name: str,
    progress: Progress,
) -> None:
    """Write everything but SHA256SUMS into `folder`; f32 files that are not shipped go to `scratch`."""
    spec = network.spec
    files = _models(folder, scratch, network, precisions)
    shipped = [file for file in files if file.path.is_relative_to(folder)]
    samples = golden.draw(folder, spec.classes, spec.pixels)
    f32 = [file for file in files if file.precision == "f32"]
    told: dict[str, Any] = {"f32": _gate(folder, samples, network, f32, manifest)}
    rows: list[dict[str, Any]] = []
    review: dict[str, Any] = {"review_below": REVIEW_BELOW, "review": None}
    if manifest is not None:
        found = validation.collect(files, manifest, spec, progress)
        rows = found.rows[: len(shipped)]
        said = found.answers[f"openvino {precisions[0]}"]
        threshold = validation.review_below(said, found.truth)
        review = {"review_below": threshold, "review": validation.accepted(said, found.truth, threshold)}
        if "int8" in precisions:
            told["int8"] = {
                b: parity.drop(found.truth, found.answers[f"{b} f32"], found.answers[f"{b} int8"])
                for b in BACKENDS
                if f"{b} int8" in found.answers
            }
    golden.expect(folder, samples, spec.pixels, {f.precision: f.path for f in shipped if f.backend == "openvino"})
    np.savez(folder / HEAD, **bundle_manifest.head(network.net))
    lineage = runs.lineage(network.run)
    about = {
        **bundle_manifest.network(network.net, spec, shipped, folder),
        "data": bundle_manifest.data(manifest, lineage),
        **review,  # the threshold, and what it does on the validation pictures
        "evidence": rows,
        "parity": told,
    }
    record = {"format": FORMAT, "name": name, **about, "lineage": bundle_manifest.without_paths(lineage)}
    write_json(folder / MANIFEST, record)
    write_text(folder / CARD, card(record))


def _models(folder: Path, scratch: Path, network: _Network, precisions: tuple[str, ...]) -> list[ModelFile]:
    """Write the models; those that are shipped first, and f32 always."""
    files = []
    for precision in dict.fromkeys((*precisions, "f32")):
        top = folder if precision in precisions else scratch
        for backend, suffix in (("openvino", "xml"), ("onnx", "onnx")):
            file = ModelFile(precision, top / backend / f"{precision}.{suffix}")
            if precision == "int8" and backend == "onnx" and not (network.run / backend / file.path.name).is_file():
                continue  # fine-tuned in int8 where its ONNX file could not be written
            file.path.parent.mkdir(parents=True, exist_ok=True)
            if precision == "int8":
                for path in file.paths:
                    shutil.copyfile(network.run / backend / path.name, path)
            elif backend == "openvino":
                graph.save_ir(graph.to_openvino(network.net, network.spec), file.path)
            else:
                graph.to_onnx(network.net, network.spec, file.path)
            files.append(file)
    return files


def _gate(
    folder: Path, samples: Sequence[str], network: _Network, f32: Sequence[ModelFile], manifest: Manifest | None
) -> list[dict[str, Any]]:
    """torch, ONNX Runtime and OpenVINO in f32 on real validation pictures, or on the golden ones. Raises GateError."""
    spec = network.spec
    if manifest is None:
        inputs = golden.read(folder, samples, spec.pixels)
    else:
        entries = balanced(manifest.split(validation.SPLIT), PARITY_PICTURES)
        inputs = np.concatenate(list(images.batches(manifest, entries, spec.pixels)))
    models = {"torch": TorchPredictor.from_network(network.net, spec)} | {file.name: file.open() for file in f32}
    return parity.compare(parity.ask(models, np.array_split(inputs, -(-len(inputs) // validation.BATCH))))
