"""Whether a bundle is whole and answers on this machine as it did where it was exported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.paths import GOLDEN
from edgewbc.errors import GateError, UserError
from edgewbc.images.decode import ImageError, decode
from edgewbc.pixels import prepare
from edgewbc.runtime.openvino_engine import OpenVINOPredictor


@dataclass(frozen=True)
class Check:
    """How the golden samples came out in one precision.

    Attributes:
        samples: how many there are.
        difference: the largest absolute difference of a probability.
        tolerance: the largest that is allowed, from the bundle's manifest.
        features: the largest relative difference of a feature vector (norm of the difference over the norm).
        same_label: samples whose most probable class is the expected one.
    """

    precision: str
    samples: int
    difference: float
    tolerance: float
    features: float
    same_label: int

    @property
    def ok(self) -> bool:
        return self.difference <= self.tolerance


@dataclass(frozen=True)
class Report:
    """What `selftest` found: how many files have the right hash, a check a precision, and the instruction set."""

    bundle: str
    files: int
    isa: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "checks": [{**asdict(check), "ok": check.ok} for check in self.checks], "ok": self.ok}

    def require(self) -> None:
        """Raises GateError if a precision failed, with the mend."""
        failed = [check.precision for check in self.checks if not check.ok]
        good = [check.precision for check in self.checks if check.ok]
        if failed:
            mend = f"use --precision {good[0]}" if good else "copy the bundle anew, or update openvino"
            what = f"{' and '.join(failed)} does not answer here as where it was exported"
            raise GateError(f"{self.bundle}: {what} ({self.isa}): {mend}")


def selftest(bundle: Bundle, threads: int | None = None) -> Report:
    """Check every file's hash, then answer every golden sample in every precision and compare.

    The samples go the whole way, from the file's bytes through decoding and `pixels.prepare` to the network.

    Raises:
        UserError: a hash is wrong, or the bundle has no golden samples that can be checked.
    """
    files = len(bundle.verify())
    golden = Golden.of(bundle)
    checks, isa = [], "unknown"
    for precision in bundle.precisions:
        if not bundle.holds("openvino", precision):
            continue
        engine = OpenVINOPredictor.from_bundle(bundle, precision, threads=threads)
        isa = engine.info.isa or "unknown"
        checks.append(golden.check(engine, precision))
    if not checks:
        raise UserError(f"{bundle.path}: holds no model for openvino, so nothing can be checked here")
    return Report(str(bundle.path), files, isa, tuple(checks))


@dataclass(frozen=True)
class Golden:
    """A bundle's golden samples: their entries in expected.json, and their pictures, uint8 (n, height, width, 3)."""

    bundle: Bundle
    samples: Sequence[Mapping[str, Any]]
    pictures: NDArray[np.uint8]

    @classmethod
    def of(cls, bundle: Bundle) -> Golden:
        """Read and prepare them. Raises UserError if there are none that can be checked."""
        samples = _samples(bundle)
        pictures = np.stack([prepare(_picture(bundle, sample), bundle.pixels) for sample in samples])
        return cls(bundle, samples, pictures)

    def check(self, engine: OpenVINOPredictor, precision: str) -> Check:
        """Compare an engine's answers with those that the bundle expects of a precision.

        Raises:
            UserError: the bundle does not say what is expected.
        """
        # One by one, as a person would ask: a batch may take other kernels.
        answers = [engine(self.pictures[index : index + 1]) for index in range(len(self.pictures))]
        try:
            tolerance = self.bundle.manifest.tolerance[precision]
            wanted = [sample["expected"][precision] for sample in self.samples]
            probabilities = np.array([want["probabilities"] for want in wanted], dtype=np.float64)
            features = np.array([want["features"] for want in wanted], dtype=np.float64)
            said = np.concatenate([answer.probabilities for answer in answers]).astype(np.float64)
            seen = np.concatenate([answer.features for answer in answers]).astype(np.float64)
            return Check(
                precision,
                len(self.samples),
                _largest(np.abs(said - _shaped(probabilities, said))),
                tolerance,
                _relative(seen, _shaped(features, seen)),
                int((said.argmax(1) == probabilities.argmax(1)).sum()),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{self.bundle.path}: {GOLDEN} or golden.tolerance does not say what {precision} must answer: {error!r}"
            ) from None


def _samples(bundle: Bundle) -> list[Mapping[str, Any]]:
    try:
        told = json.loads(bundle.read(GOLDEN))
        samples = list(told["samples"])
        if told["format"] != 1 or not samples:
            raise ValueError("not format 1, or no samples")
        for sample in samples:
            if not isinstance(sample["file"], str):
                raise TypeError("file is not a name")
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{bundle.path}: {GOLDEN} is not a list of golden samples: {error!r}") from None
    return samples


def _picture(bundle: Bundle, sample: Mapping[str, Any]) -> NDArray[np.uint8]:
    data = bundle.read(sample["file"])
    if hashlib.sha256(data).hexdigest() != sample.get("sha256"):
        raise UserError(f"{bundle.path}: {sample['file']} is not the picture that {GOLDEN} means: copy the bundle anew")
    try:
        return decode(data).image
    except ImageError as error:
        raise UserError(f"{bundle.path}: {sample['file']}: {error}") from None


def _shaped(wanted: NDArray[np.float64], said: NDArray[np.float64]) -> NDArray[np.float64]:
    if wanted.shape != said.shape or not np.isfinite(wanted).all():
        raise ValueError(f"{wanted.shape} numbers are expected and {said.shape} came")
    return wanted


def _relative(said: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """Largest norm of the difference over the norm, by row."""
    size = np.maximum(np.linalg.norm(wanted, axis=1), np.finfo(np.float32).tiny)
    return _largest(np.linalg.norm(said - wanted, axis=1) / size)


def _largest(differences: NDArray[np.float64]) -> float:
    """The largest; what is not a number counts as wholly different (1)."""
    return float(np.nan_to_num(differences, nan=1.0).max())
