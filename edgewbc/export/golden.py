"""Golden samples: synthetic images in a bundle, with the predictions of its files at the time of export.

`selftest` uses them to check that a model gives the same predictions on another machine. They contain no image of any
data set, and say nothing about accuracy.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.golden_limits import GoldenLimits
from edgewbc.bundle.paths import GOLDEN
from edgewbc.cells import CELL_TYPES, CLASSES
from edgewbc.images.decode import decode
from edgewbc.images.encode import encode
from edgewbc.pixels import PixelSpec
from edgewbc.runtime.deviation import Deviation
from edgewbc.runtime.golden import ExpectedOutputs, GoldenEntry, GoldenSample, parse, write
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Backend
from edgewbc.smear.prepare import Preparer
from edgewbc.synth.cells import draw_cell

SEED = 20
TOLERANCE = {"f32": 1e-3, "int8": 0.05}
"""Largest allowed difference from an expected probability, by precision (int8 kernels round differently per CPU)."""
TOLERANCE_ONNX = {"f32": 1e-3, "int8": 0.01}
"""The same for ONNX Runtime: from version 1.15 to 1.32 predictions differ by 0.0013 at most, on a CPU with VNNI."""
LIMITS = {"f32": GoldenLimits(0.005, 0.002), "int8": GoldenLimits(0.05, 0.05)}
"""Largest deviations of mean logits and features by precision, where nothing was measured (see `limits_of`)."""
FACTOR, FACTOR_FLOAT = 3.0, 1.5
"""What deviations that were measured are multiplied by: on several kinds of CPU, and with quantized layers in float."""
LEAST = Deviation(0.005, 0.01, 0.005)
"""Smallest limits: another version of a runtime may round differently."""


def entry(precisions: Sequence[str], onnx: Sequence[str]) -> GoldenEntry:
    """Return what the manifest says of the samples, for models of these precisions for OpenVINO and ONNX Runtime."""
    by_backend = {Backend.OPENVINO: precisions, Backend.ONNX: onnx}
    limits: dict[str, dict[str, GoldenLimits]] = {b: {p: LIMITS[p] for p in held} for b, held in by_backend.items()}
    return GoldenEntry({p: TOLERANCE[p] for p in precisions}, {p: TOLERANCE_ONNX[p] for p in onnx}, limits)


def entry_of(
    bundle: Bundle, precision: str, found: Mapping[str, Sequence[Deviation]], in_float: Deviation
) -> GoldenEntry:
    """Return what a bundle's manifest says of its samples, with limits from measurements for one precision.

    Args:
        bundle: the bundle.
        precision: of the models that were measured.
        found: by backend, deviations of the samples on several kinds of CPU.
        in_float: deviation with the quantized layers computed in float.
    """
    manifest = bundle.manifest
    tolerances: dict[str, dict[str, float]] = {
        Backend.OPENVINO: dict(manifest.tolerance),
        Backend.ONNX: dict(manifest.onnx_tolerance),
    }
    limits = {backend: dict(manifest.golden_limits.get(backend, {})) for backend in tolerances}
    for backend in tolerances:
        if found.get(backend):
            tolerances[backend][precision], limits[backend][precision] = limits_of(found[backend], in_float)
    return GoldenEntry(tolerances[Backend.OPENVINO], tolerances[Backend.ONNX], limits)


def limits_of(found: Sequence[Deviation], in_float: Deviation) -> tuple[float, GoldenLimits]:
    """Return the tolerance of a probability and the other limits, rounded up.

    Integer kernels of CPUs differ in how they round between layers; with quantized layers in float, which no CPU does
    on which the runtimes have integer kernels, all roundings differ. Both are multiplied for a margin.

    Args:
        found: deviations of the golden samples on several kinds of CPU.
        in_float: deviation with the quantized layers computed in float.
    """

    def limit(name: str) -> float:
        values = [FACTOR * getattr(each, name) for each in found]
        values += [FACTOR_FLOAT * getattr(in_float, name), getattr(LEAST, name)]
        return float(math.ceil(1000 * max(values)) / 1000)

    return limit("probability"), GoldenLimits(limit("mean_logit"), limit("mean_features"))


def draw(folder: Path, classes: Sequence[str], spec: PixelSpec, each: int = 2, seed: int = SEED) -> list[str]:
    """Draw `each` cells of every class into `folder`/golden and return their names, such as golden/00-neutrophil.png.

    The images are 10 % larger than the network's crop, so that crop and resize are checked too. A class that
    cannot be drawn is drawn as one of the five types of a differential: the samples test consistency, not accuracy.
    """
    seen = max(spec.size if spec.crop in ("centre", "cell") else 0, spec.height, spec.width)
    names = []
    for number in range(each * len(classes)):
        label = classes[number % len(classes)]
        kind = label if label in CELL_TYPES else CLASSES[number % len(CLASSES)]
        image = draw_cell(kind, np.random.default_rng([seed, number]), size=math.ceil(1.1 * seen))
        plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in label)
        names.append(f"golden/{number:02d}-{plain}.png")
        (folder / "golden").mkdir(parents=True, exist_ok=True)
        (folder / names[-1]).write_bytes(encode(image, ".png", (cv2.IMWRITE_PNG_COMPRESSION, 9)))
    return names


def read(folder: Path, names: Sequence[str], spec: PixelSpec) -> NDArray[np.uint8]:
    """Read the samples from their files and prepare them as the network's input, uint8 RGB (n, height, width, 3)."""
    prepare = Preparer(spec)
    return np.stack([prepare(decode((folder / name).read_bytes()).image) for name in names])


def expect(
    folder: Path,
    names: Sequence[str],
    spec: PixelSpec,
    irs: Mapping[str, Path],
    onnx: Mapping[str, Path] = MappingProxyType({}),
) -> None:
    """Run the saved models on every sample and write the predictions to expected.json.

    Each backend is compared with its own predictions: int8 models of two backends differ by several hundredths, as
    each has been quantized by itself, and a tolerance for that would hide a fault.

    Args:
        folder: folder of the bundle.
        names: names of the samples, as `draw` returns them.
        spec: how images are prepared.
        irs: path of the .xml by precision. Each sample is a batch of its own, as in `selftest`.
        onnx: path of the .onnx by precision.
    """
    inputs = read(folder, names, spec)
    predictors = {
        precision: OpenVINOPredictor(
            xml.read_bytes(), xml.with_suffix(".bin").read_bytes(), precision=precision, name=str(xml)
        )
        for precision, xml in irs.items()
    }
    samples = [
        GoldenSample(
            name,
            hashlib.sha256((folder / name).read_bytes()).hexdigest(),
            {precision: ExpectedOutputs.of(predictor(image[None])) for precision, predictor in predictors.items()},
        )
        for name, image in zip(names, inputs, strict=True)
    ]
    contents = {precision: path.read_bytes() for precision, path in onnx.items()}
    write(folder, _with_onnx(samples, inputs, contents))


def add_onnx(folder: Path, spec: PixelSpec, models: Mapping[str, bytes]) -> None:
    """Add the predictions of ONNX files to a bundle's expected.json, or renew them; all else stays as it is.

    Args:
        folder: folder of the bundle.
        spec: how images are prepared.
        models: contents of the .onnx files by precision.
    """
    samples = parse((folder / GOLDEN).read_bytes())
    write(folder, _with_onnx(samples, read(folder, [sample.file for sample in samples], spec), models))


def _with_onnx(
    samples: Sequence[GoldenSample], inputs: NDArray[np.uint8], models: Mapping[str, bytes]
) -> list[GoldenSample]:
    """Return the samples with the predictions of ONNX files, by precision."""
    predictors = {
        precision: ONNXRuntimePredictor(model, precision=precision, threads=1) for precision, model in models.items()
    }
    found = []
    for sample, image in zip(samples, inputs, strict=True):
        new = {precision: ExpectedOutputs.of(predictor(image[None])) for precision, predictor in predictors.items()}
        found.append(replace(sample, expected_onnx={**sample.expected_onnx, **new}))
    return found
