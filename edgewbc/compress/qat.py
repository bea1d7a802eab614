"""`edgewbc quantize --qat`: quantization-aware fine-tuning, for networks that lose much by calibration alone.

The network learns from the labels and from its float version (or from other teachers). The result is a quantized run:
its weights are the fine-tuned ones, and its saved int8 files are compared with the float network that it started from.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Unpack

import numpy as np
from pydantic import Field, model_validator

from edgewbc import runs
from edgewbc.compress import fake_quantize, nncf_extension
from edgewbc.compress.ptq import PTQOptions
from edgewbc.compress.quantization_report import (
    FAKE,
    PARENT,
    Checks,
    FineTuning,
    QuantizationReport,
    check_drop,
    file,
    measure,
    write_f32,
)
from edgewbc.compress.quantize import calibration, check_float
from edgewbc.data import images
from edgewbc.data.manifest import Manifest
from edgewbc.data.sampling import balanced
from edgewbc.errors import UserError
from edgewbc.export import graph, validation
from edgewbc.metrics import Accuracy
from edgewbc.nets import model
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.nets.torch_predictor import TorchPredictor
from edgewbc.runtime.predictor import Predictor
from edgewbc.train import checkpoint, loop, preflight, recipe_file
from edgewbc.train import teacher as teaching
from edgewbc.train.distributed import process_count
from edgewbc.train.history import EpochResult, TrainingCallbacks
from edgewbc.train.recipe import AUTO, Distil, Fit, Name, Section
from edgewbc.train.run import RECIPE, teacher_records
from edgewbc.utils.files import write_json, write_text
from edgewbc.utils.optional import need
from edgewbc.utils.progress import Progress, quiet

METHOD = "qat"


class QatRecipe(Section):
    """Recipe of `edgewbc quantize --qat`."""

    name: Name = Field(description="of the recipe; letters, digits, dots, hyphens and underscores")
    fit: Fit = Field(description="hyperparameters of the fine-tuning")
    distil: Distil = Field(default=Distil(), description="learning from the float network or other teachers")

    @model_validator(mode="after")
    def _fits_fake_quantization(self) -> QatRecipe:
        if self.fit.precision != "f32":
            raise ValueError("fit.precision must be f32: bf16 has no more steps than int8 itself")
        if self.fit.batch == AUTO:
            raise ValueError("fit.batch must be a number: auto does not know what fake quantizers take")
        if self.fit.freeze_blocks:
            raise ValueError("fit.freeze_blocks must be 0: the rounding of every layer is trained")
        if self.distil.features:
            raise ValueError("distil.features must be 0: a quantized network learns from logits only")
        return self


def finetune(
    run: Path,
    options: QatRecipe,
    manifest: Manifest,
    settings: PTQOptions,
    *,
    teachers: Sequence[Path] = (),
    to: Path | None = None,
    checks: Checks = Checks(),  # noqa: B008  (frozen)
    say: Callable[[str], None] = lambda text: None,
    steps: Progress = quiet,
    **callbacks: Unpack[TrainingCallbacks],
) -> Path:
    """Fine-tune a run's network in int8 and write it for OpenVINO and, where torchao is installed, ONNX Runtime.

    Args:
        run: run to fine-tune; it is not changed. Batch norm and branches are folded first.
        options: the recipe.
        manifest: images to fine-tune and calibrate on, and to measure on.
        settings: of the initial quantization; `max_drop` is only a gate, no layer is reverted to float.
        teachers: runs to learn from; the float network itself if there are none.
        to: the new run folder; None is runs/<run>-<name of the recipe>.
        checks: optional measurements.
        say: receives lines about what takes long or cannot be done.
        steps: shows the progress of calibration and measurement.
        **callbacks: `progress` and `report` of `loop.fit`.

    Returns:
        the new run folder.

    Raises:
        UserError: `run` or a teacher is not a run, images cannot be read, `to` exists, there are several processes,
            a check or setting is not available with fine-tuning, or NNCF cannot compile for the GPU.
        GateError: as `quantize`; no run folder is left then.
    """
    for module in ("torch", "accelerate", "onnx", "onnxscript", "onnxruntime"):
        need(module, "edgewbc quantize --qat")
    _check_settings(settings, checks)
    check_float(run)
    preflight.check_images(manifest)
    runs.verify(run)
    net, spec = model.load(run)
    plain = model.fold(net, spec)[1]
    guide = teaching.load(teachers or [run], plain)
    chosen = balanced(manifest.split("train"), settings.subset, settings.seed)
    images.truth(manifest, [*chosen, *manifest.split(validation.SPLIT)], spec.classes)
    compiled = nncf_extension.build(say)
    folder = runs.new(f"{run.resolve().name}-{options.name}", to)
    try:
        write_text(folder / RECIPE, recipe_file.write(options))
        quantized = fake_quantize.insert(net, spec, calibration(manifest, chosen, spec, steps), settings)
        start = _accuracy(fake_quantize.predictor(quantized, plain), plain, manifest)
        best = _fit(quantized, plain, options, manifest, folder, guide, **callbacks)
        _write(folder, quantized, plain, say)
        predictors = {PARENT: TorchPredictor.from_network(net, spec), FAKE: fake_quantize.predictor(quantized, plain)}
        recorded = {**asdict(settings), "recipe": options.model_dump(mode="json")}
        taught = tuple(record.without_path() for record in teacher_records(guide))
        tuning = FineTuning(start, best, taught, compiled)
        report = QuantizationReport(
            METHOD, recorded, measure(folder, plain, manifest, chosen, checks, steps, **predictors), tuning
        )
        check_drop(report.measured, settings.max_drop)
        write_json(folder / runs.QUANTIZATION, report.to_json())
        (folder / checkpoint.NAME).unlink(missing_ok=True)
        runs.write_lineage(
            folder,
            "quantize",
            parent=run,
            settings=recorded,
            validation=best.to_json(),
            teachers=[record.to_json() for record in taught],
            **report.summary(),
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _check_settings(settings: PTQOptions, checks: Checks) -> None:
    """Raise UserError if a setting or check of `quantize` is not available with fine-tuning."""
    if process_count() > 1:
        raise UserError("edgewbc quantize --qat runs in one process: start it without accelerate launch")
    if checks.sensitivity:
        raise UserError(
            "--sensitivity: layers that are fine-tuned together cannot be measured alone: remove it or --qat"
        )
    if not settings.fast_bias_correction:
        raise UserError("--no-fast-bias-correction: with --qat the biases are trained: remove it")


def _fit(quantized: fake_quantize.Quantized, spec: ModelSpec, options: QatRecipe, manifest: Manifest, folder: Path,
         guide: teaching.Teacher | None, **callbacks: Unpack[TrainingCallbacks]) -> EpochResult:  # fmt: skip
    """Call `loop.fit`, in which NNCF compiles its quantizers for a GPU, and explain a failure to do so."""
    import nncf

    try:
        return loop.fit(
            quantized, spec, options.fit, manifest, folder, teacher=guide, distil=options.distil, **callbacks
        )  # fmt: skip
    except nncf.InstallationError:
        raise UserError(
            "NNCF cannot compile its quantizers for the GPU (it needs CUDA's nvcc): fine-tune on the CPU, with "
            "CUDA_VISIBLE_DEVICES= before the command"
        ) from None


def _write(folder: Path, quantized: fake_quantize.Quantized, spec: ModelSpec, say: Callable[[str], None]) -> None:
    """Write the fine-tuned weights and the model files of both backends."""
    net: Network = quantized.network()
    model.save(folder, net, spec)
    write_f32(folder, net, spec)
    graph.save_ir(fake_quantize.to_openvino(quantized, spec), file(folder, "openvino", "int8").path)
    if fake_quantize.has_onnx():
        fake_quantize.to_onnx(quantized, spec, file(folder, "onnx", "int8").path)
    else:
        say(f"torchao is not installed, so onnx/int8.onnx was not written ({fake_quantize.INSTALL})")


def _accuracy(predictor: Predictor, spec: ModelSpec, manifest: Manifest) -> Accuracy:
    """Return the accuracy on the validation images."""
    entries = manifest.split(validation.SPLIT)
    said = [
        predictor(batch).probabilities.argmax(1)
        for batch in images.batches(manifest, entries, spec.pixels, validation.BATCH)
    ]
    return Accuracy.of(images.truth(manifest, entries, spec.classes), np.concatenate(said))
