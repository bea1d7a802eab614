"""`edgewbc export`: write the bundle of a run.

The target folder is created only after the f32 files agree with torch and every saved file has been measured.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc import runs
from edgewbc.bundle import bundle
from edgewbc.bundle.manifest import BACKENDS, FORMAT, PRECISIONS, BundleManifest
from edgewbc.bundle.paths import CARD, HEAD, MANIFEST
from edgewbc.data import images
from edgewbc.data.manifest import Manifest
from edgewbc.data.sampling import balanced
from edgewbc.errors import UserError
from edgewbc.export import bundle_manifest, decision, golden, graph, parity, training_images, validation
from edgewbc.export.card import card
from edgewbc.export.integer_share import in_onnxruntime
from edgewbc.export.validation import ModelFile
from edgewbc.lab.thresholds import REVIEW_BELOW
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.nets.torch_predictor import TorchPredictor
from edgewbc.runtime.predictor import Predictor
from edgewbc.smear.views import Views
from edgewbc.utils.files import occupied, whole_folder, write_json, write_text
from edgewbc.utils.optional import need
from edgewbc.utils.progress import Progress, quiet

PARITY_IMAGES = 64


@dataclass(frozen=True)
class _Options:
    """What the caller of `export` asked for; see there."""

    precisions: tuple[str, ...]
    name: str
    license: str | None
    max_error: float | None
    others: Manifest | None


@dataclass(frozen=True)
class _Measured:
    """What was measured on the validation images, as the manifest states it; nothing without a manifest.

    Attributes:
        evidence: accuracy of each shipped file.
        parities: what int8 loses, by backend, under `int8`.
    """

    evidence: Sequence[dict[str, Any]] = ()
    parities: Mapping[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Network:
    """A network, its specification and the run that they were loaded from."""

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
    license: str | None = None,
    max_error: float | None = None,
    others: Manifest | None = None,
    progress: Progress = quiet,
) -> Path:
    """Write the bundle of a run.

    Args:
        run: run folder; int8 requires one that `quantize` made.
        to: folder of the bundle; must not exist, or be empty.
        manifest: labeled images; parity and accuracy are measured on its validation split. Without it parity is
            measured on the golden samples, and the bundle states no accuracy.
        precisions: int8, f32 or both; the first of `PRECISIONS` among them becomes the default.
        name: name of the bundle; None uses that of the folder.
        zip: also write `<to>.zip` with the same files.
        license: license of the weights, preferably an SPDX expression; None leaves it as not stated.
        max_error: choose the review threshold such that at most this share of the accepted cells is mislabeled (see
            `edgewbc.decision.risk`); None chooses it by `decision.review_threshold`.
        others: cells that are of none of the network's classes, to tell unfamiliar cells by (see `decision.measure`).
        progress: reports progress.

    Returns:
        `to`.

    Raises:
        UserError: `run` is not a finished run, has changed, or has no int8 files of its weights; `to` exists; or a
            label is not a class of the model.
        GateError: torch, ONNX Runtime and OpenVINO disagree in f32. Nothing is written.
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
    if "int8" in wanted:
        runs.verify_quantized(run)
    else:
        runs.verify(run)
    network = _Network(run, *model.load(run))
    if manifest is not None:
        images.truth(manifest, manifest.split(validation.SPLIT), network.spec.classes)
    decision.check_max_error(manifest, max_error)
    decision.check_others(others, network.spec.classes)
    with whole_folder(to) as folder:
        options = _Options(wanted, name or to.resolve().name, license, max_error, others)
        _fill(folder, folder.with_name("f32"), network, manifest, options, progress)
        bundle.seal(folder)
        bundle.Bundle.open(folder).verify()
    if zip:
        bundle.pack(to, packed)
    return to


def _fill(
    folder: Path,
    scratch: Path,
    network: _Network,
    manifest: Manifest | None,
    options: _Options,
    progress: Progress,
) -> None:
    """Write all files except SHA256SUMS into `folder`. f32 files that are not shipped are written to `scratch`."""
    spec, precisions = network.spec, options.precisions
    files = _models(folder, scratch, network, precisions)
    shipped = [file for file in files if file.path.is_relative_to(folder)]
    samples = golden.draw(folder, spec.classes, spec.pixels)
    f32 = [file for file in files if file.precision == "f32"]
    pairs = _check_parity(folder, samples, network, f32, manifest)
    measured = _Measured() if manifest is None else _measure(files, len(shipped), spec, manifest, progress)
    parities = {"f32": [pair.to_json() for pair in pairs], **measured.parities}
    saved = {b: {file.precision: file.path for file in shipped if file.backend == b} for b in BACKENDS}
    golden.expect(folder, samples, spec.pixels, saved["openvino"], saved["onnx"])
    np.savez(folder / HEAD, **bundle_manifest.head(network.net))
    lineage = runs.lineage(network.run).without_hashes()
    data = None if manifest is None else bundle_manifest.data(manifest, lineage)
    trained_on = None if data is None else data.training_manifest_sha256
    decides: dict[str, Any] = {"review_below": REVIEW_BELOW, "review": None}
    if manifest is not None:
        default = next(file for file in shipped if file.backend == "openvino" and file.precision == precisions[0])
        decided = decision.measure(
            default.open(),
            manifest,
            spec.classes,
            spec.pixels,
            trained_on=trained_on,
            max_error=options.max_error,
            others=options.others,
            progress=progress,
        )
        decided.write(folder)
        decides = decided.to_json()
    trained = training_images.measure_if_known(manifest, trained_on, spec.pixels, progress)
    about = {
        **bundle_manifest.network(network.net, spec, shipped, folder).to_json(),
        "data": {} if data is None else data.to_json(),
        **({} if trained is None else {"training_images": trained.to_json()}),
        **decides,
        **_int8_share(shipped),
        "evidence": measured.evidence,
        "parity": parities,
        **({"weights_license": options.license} if options.license else {}),
    }
    record = {
        "format": FORMAT,
        "name": options.name,
        **about,
        "lineage": bundle_manifest.without_paths(lineage.to_json()),
    }
    write_json(folder / MANIFEST, record)
    write_text(folder / CARD, card(BundleManifest.from_json(record)))


def _measure(
    files: Sequence[ModelFile], shipped: int, spec: ModelSpec, manifest: Manifest, progress: Progress
) -> _Measured:
    """Measure all files on the validation images, of the labels that `classify` will give.

    The first `shipped` of them are those of the bundle.
    """
    found = validation.validate(files, manifest, spec, progress, Views.of(spec.pixels))
    drops = {
        backend: parity.accuracy_drop(
            found.truth, found.probabilities[f"{backend} f32"], found.probabilities[f"{backend} int8"]
        ).to_json()
        for backend in BACKENDS
        if f"{backend} int8" in found.probabilities
    }
    return _Measured([row.to_json() for row in found.rows[:shipped]], {"int8": drops} if drops else {})


def _int8_share(shipped: Sequence[ModelFile]) -> dict[str, Any]:
    """Return the manifest's entry about what ONNX Runtime runs in int8; {} without an int8 file for it."""
    file = next((file for file in shipped if (file.backend, file.precision) == ("onnx", "int8")), None)
    return {} if file is None else {"int8_share": {"onnx": in_onnxruntime(file.path.read_bytes())}}


def _models(folder: Path, scratch: Path, network: _Network, precisions: tuple[str, ...]) -> list[ModelFile]:
    """Write the model files and return them, shipped ones first. f32 files are always written, as the reference."""
    files = []
    for precision in dict.fromkeys((*precisions, "f32")):
        top = folder if precision in precisions else scratch
        for backend, suffix in (("openvino", "xml"), ("onnx", "onnx")):
            file = ModelFile(precision, top / backend / f"{precision}.{suffix}")
            if precision == "int8" and backend == "onnx" and not (network.run / backend / file.path.name).is_file():
                continue  # int8 fine-tuning without torchao writes no ONNX file
            file.path.parent.mkdir(parents=True, exist_ok=True)
            stored = network.run / backend if precision == "int8" else _stored_f32(network.run, backend, file)
            if stored is not None:
                for path in file.paths:
                    shutil.copyfile(stored / path.name, path)
            elif backend == "openvino":
                graph.save_ir(graph.to_openvino(network.net, network.spec), file.path)
            else:
                graph.to_onnx(network.net, network.spec, file.path)
            files.append(file)
    return files


def _stored_f32(run: Path, backend: str, file: ModelFile) -> Path | None:
    """Return the folder of f32 files that `quantize` converted already; None if they must be converted."""
    return runs.stored_f32(run, backend, [path.name for path in file.paths])


def _check_parity(
    folder: Path, samples: Sequence[str], network: _Network, f32: Sequence[ModelFile], manifest: Manifest | None
) -> list[parity.PairDifference]:
    """Compare torch, ONNX Runtime and OpenVINO in f32 on validation images, or else on the golden samples."""
    spec = network.spec
    if manifest is None:
        inputs = golden.read(folder, samples, spec.pixels)
    else:
        entries = balanced(manifest.split(validation.SPLIT), PARITY_IMAGES)
        inputs = np.concatenate(list(images.batches(manifest, entries, spec.pixels)))
    predictors: dict[str, Predictor] = {"torch": TorchPredictor.from_network(network.net, spec)}
    predictors |= {file.name: file.open() for file in f32}
    return parity.compare(parity.predict(predictors, np.array_split(inputs, -(-len(inputs) // validation.BATCH))))
