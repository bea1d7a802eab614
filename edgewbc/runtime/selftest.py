"""Check that a bundle is complete and gives the expected predictions on this PC."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.golden_limits import GoldenLimits
from edgewbc.bundle.paths import GOLDEN
from edgewbc.errors import GateError, UserError
from edgewbc.images.decode import ImageError, decode
from edgewbc.runtime import golden, trial
from edgewbc.runtime.deviation import Deviation, largest
from edgewbc.runtime.golden import ExpectedOutputs, GoldenSample
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Backend, Batch, Predictor, fault
from edgewbc.smear.prepare import Preparer

MAX_SAMPLES = 1000
"""Maximum number of golden samples that are run; a bundle that edgewbc exports has two of each class."""
BETWEEN = 0.12
"""Largest difference in a probability between the int8 models of two backends, where a bundle states nothing better:
0.11 was measured with the golden samples of the released bundles."""

_KINDS_WITH_VNNI = ("DL Boost", "VNNI", "AMX", "AVX10")
"""What OpenVINO's name of an instruction set contains if int8 products are added in 32 bits."""


@dataclass(frozen=True)
class GoldenCheck:
    """Result of the golden samples in one precision.

    Attributes:
        precision: of the model.
        samples: number of samples.
        difference: largest absolute difference of a probability from the expected one.
        tolerance: largest difference allowed, from the bundle's manifest.
        features: largest relative difference of a feature vector (norm of the difference over the norm).
        mean_logit, mean_features: see `Deviation`.
        limits: largest deviations allowed of these two, from the bundle's manifest.
        same_label: number of samples whose most probable class is the expected one.
        familiarity: largest difference of a familiarity score from that of the expected features; None if the bundle
            has no familiarity statistics.
        same_familiarity: number of samples that are familiar or not as expected; None likewise.
        backend: runtime of the model.
    """

    precision: str
    samples: int
    difference: float
    tolerance: float
    features: float
    same_label: int
    familiarity: float | None = None
    same_familiarity: int | None = None
    backend: str = Backend.OPENVINO
    mean_logit: float = 0.0
    mean_features: float = 0.0
    limits: GoldenLimits = GoldenLimits()

    @property
    def faults(self) -> tuple[str, ...]:
        """Return what differs by more than the bundle allows, in words; empty if nothing does."""
        return self.deviation.faults(self.tolerance, self.limits)

    @property
    def deviation(self) -> Deviation:
        """What is compared with the limits."""
        return Deviation(self.difference, self.mean_logit, self.mean_features)

    @property
    def ok(self) -> bool:
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "limits": self.limits.to_json(), "ok": self.ok}


@dataclass(frozen=True)
class ModelHash:
    """Hash that identifies a model, independent of the bundle that contains it.

    Attributes:
        backend, precision: which model of the bundle.
        sha256: of its files, one after the other.
        released: name of the released model with this hash; empty if there is none.
    """

    backend: str
    precision: str
    sha256: str
    released: str


@dataclass(frozen=True)
class SelftestReport:
    """Result of `selftest`.

    Attributes:
        bundle: path of the bundle.
        files: number of files with the right hash.
        models: each model file.
        isa: instruction set that OpenVINO uses.
        checks: one for each precision.
        training_images: whether the bundle describes its training images, so that unlike images can be told.
    """

    bundle: str
    files: int
    models: tuple[ModelHash, ...]
    isa: str
    checks: tuple[GoldenCheck, ...]
    training_images: bool = True

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "checks": [check.to_json() for check in self.checks], "ok": self.ok}

    def require(self) -> None:
        """Raise GateError if a precision failed, and say what to do."""
        failed = [check.precision for check in self.checks if not check.ok]
        passed = [check.precision for check in self.checks if check.ok]
        if failed:
            what = f"use --precision {passed[0]}" if passed else mend(self.isa)
            names = f"{' and '.join(failed)} does not give the expected predictions on this PC"
            raise GateError(f"{self.bundle}: {names} ({self.isa}): {what}")


def selftest(bundle: Bundle, threads: int | None = None, backend: str = Backend.OPENVINO) -> SelftestReport:
    """Check every file's hash, then run every golden sample in every precision and compare the predictions.

    This shows that a bundle is complete and works on this PC, but not who made it: anyone who replaces a file can also
    rewrite SHA256SUMS and the golden samples. The report therefore contains the hash of each model, to compare with
    that of the released model (`bundle.released`) or the one published by its author.

    The samples take the full path of an image: from the file's bytes through decoding and `smear.prepare` to the
    network. Each backend is compared with what was expected of it at the time of export.

    Args:
        bundle: to check.
        threads: inference threads; None leaves it to the runtime.
        backend: openvino or onnx; ONNX Runtime is not installed on a microscope PC.

    Raises:
        UserError: a hash is wrong, the runtime is not installed, or the bundle has no golden samples that can be
            checked.
    """
    files, models = len(bundle.verify()), _models(bundle)
    samples = GoldenSamples.from_bundle(bundle)
    checks, isa = [], "unknown"
    for precision in bundle.precisions:
        if not bundle.holds(backend, precision):
            continue
        predictor = _predictor(bundle, backend, precision, threads)
        trial.check_info(bundle, predictor.info)
        isa = predictor.info.isa or "unknown"
        checks.append(samples.check(predictor, precision))
    if not checks:
        raise UserError(f"{bundle.path}: holds no model for {backend}, so nothing can be checked here")
    described = bundle.manifest.training_images is not None
    return SelftestReport(str(bundle.path), files, models, isa, tuple(checks), described)


def mend(isa: str | None) -> str:
    """Return what to do about a model that fails its golden samples on a CPU with this instruction set."""
    if isa is not None and "AVX" in isa and not any(kind in isa for kind in _KINDS_WITH_VNNI):
        return "this CPU has no VNNI: use a bundle whose int8 does not need it (edgewbc quantize --overflow-fix all)"
    return "copy the bundle again, or update the runtime"


def _predictor(bundle: Bundle, backend: str, precision: str, threads: int | None) -> Predictor:
    if backend == Backend.OPENVINO:
        return OpenVINOPredictor.from_bundle(bundle, precision, threads=threads)
    if backend == Backend.ONNX:
        files = trial.read_model(bundle, backend, precision)
        return ONNXRuntimePredictor(files.contents[0], precision=precision, threads=threads)
    raise UserError(f"backend {backend!r}: use {Backend.OPENVINO} or {Backend.ONNX}")


@dataclass(frozen=True)
class GoldenSamples:
    """A bundle's golden samples.

    Attributes:
        samples: their entries in golden/expected.json.
        images: the prepared images, uint8 (n, height, width, 3).
    """

    bundle: Bundle
    samples: Sequence[GoldenSample]
    images: Batch

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> GoldenSamples:
        """Read and prepare the samples. Raises UserError if there are none that can be checked."""
        samples = _samples(bundle)
        prepare = Preparer(bundle.pixels)
        images = np.stack([prepare(_image(bundle, sample)) for sample in samples])
        return cls(bundle, samples, images)

    def check(self, predictor: Predictor, precision: str) -> GoldenCheck:
        """Compare predictions with those that the bundle expects of the predictor's backend in a precision.

        A bundle of an older version expects of every backend what OpenVINO predicted, with the tolerance `BETWEEN`.

        Raises:
            UserError: the bundle does not say what is expected.
        """
        # One image at a time: a batch may use other kernels.
        predictions = [predictor(self.images[index : index + 1]) for index in range(len(self.images))]
        try:
            (tolerance, limits), expected = self.expected(predictor.info.backend, precision)
            wanted = np.array([each.probabilities for each in expected], dtype=np.float64)
            wanted_features = np.array([each.features for each in expected], dtype=np.float64)
            probabilities = np.concatenate([each.probabilities for each in predictions]).astype(np.float64)
            features = np.concatenate([each.features for each in predictions]).astype(np.float64)
            deviation = Deviation.of(
                probabilities, features, _checked(wanted, probabilities), _checked(wanted_features, features)
            )
            difference = deviation.probability
            if any(fault(each.probabilities, each.features) for each in predictions):
                difference = 1.0  # not probabilities: fails whatever the expected values are
            familiarity, same_familiarity = self._familiarity(features, wanted_features)
            return GoldenCheck(
                precision,
                len(self.samples),
                difference,
                tolerance,
                _relative(features, wanted_features),
                int((probabilities.argmax(1) == wanted.argmax(1)).sum()),
                familiarity,
                same_familiarity,
                predictor.info.backend,
                deviation.mean_logit,
                deviation.mean_features,
                limits,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{self.bundle.path}: {GOLDEN} or golden.tolerance does not say what is expected of {precision}: "
                f"{error!r}"
            ) from None

    def expected(self, backend: str, precision: str) -> tuple[tuple[float, GoldenLimits], list[ExpectedOutputs]]:
        """Return the tolerance and the other limits, and what is expected of each sample.

        Raises:
            KeyError: the bundle does not say what is expected in this precision.
        """
        manifest = self.bundle.manifest
        limits = manifest.golden_limits.get(backend, {}).get(precision, GoldenLimits())
        if backend == Backend.ONNX and precision in manifest.onnx_tolerance:
            return (manifest.onnx_tolerance[precision], limits), [
                each.expected_onnx[precision] for each in self.samples
            ]
        tolerance = manifest.tolerance[precision]
        if backend != Backend.OPENVINO:  # compared with what OpenVINO predicted
            limits = GoldenLimits()
            if precision == "int8":
                tolerance = max(tolerance, BETWEEN)
        return (tolerance, limits), [each.expected[precision] for each in self.samples]

    def _familiarity(
        self, features: NDArray[np.float64], expected: NDArray[np.float64]
    ) -> tuple[float, int] | tuple[None, None]:
        """Compare the familiarity scores of features with those of the expected ones, (n, d) each."""
        familiarity = self.bundle.familiarity()
        if familiarity is None:
            return None, None
        actual, wanted = (familiarity.score(each.astype(np.float32)) for each in (features, expected))
        same = np.equal(*(familiarity.unfamiliar(each.astype(np.float32)) for each in (features, expected)))
        return largest(np.abs(actual - wanted)), int(same.sum())


def _models(bundle: Bundle) -> tuple[ModelHash, ...]:
    found = []
    for precision, backends in bundle.manifest.files.items():
        for backend in backends:
            files = bundle.read_model(backend, precision)
            found.append(ModelHash(backend, precision, files.sha256, files.released))
    return tuple(found)


def _samples(bundle: Bundle) -> list[GoldenSample]:
    try:
        samples = golden.parse(bundle.read(GOLDEN))
        if not 0 < len(samples) <= MAX_SAMPLES:
            raise ValueError(f"not 1 to {MAX_SAMPLES} samples")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{bundle.path}: {GOLDEN} is not a list of golden samples: {error!r}") from None
    return samples


def _image(bundle: Bundle, sample: GoldenSample) -> NDArray[np.uint8]:
    data = bundle.read(sample.file)
    if hashlib.sha256(data).hexdigest() != sample.sha256:
        raise UserError(f"{bundle.path}: {sample.file} is not the image that {GOLDEN} refers to: copy the bundle again")
    try:
        return decode(data).image
    except ImageError as error:
        raise UserError(f"{bundle.path}: {sample.file}: {error}") from None


def _checked(expected: NDArray[np.float64], actual: NDArray[np.float64]) -> NDArray[np.float64]:
    if expected.shape != actual.shape or not np.isfinite(expected).all():
        raise ValueError(f"expected values of shape {expected.shape}, the model gives {actual.shape}")
    return expected


def _relative(actual: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """Return the largest norm of the difference over the norm, by row."""
    size = np.maximum(np.linalg.norm(expected, axis=1), np.finfo(np.float32).tiny)
    return largest(np.linalg.norm(actual - expected, axis=1) / size)
