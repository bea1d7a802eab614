"""Golden samples of a bundle, `golden/expected.json`: images, and what its models predict for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgewbc.bundle.golden_limits import GoldenLimits
from edgewbc.bundle.paths import GOLDEN
from edgewbc.runtime.predictor import Prediction
from edgewbc.utils.files import parse_json, write_text

FORMAT = 1


@dataclass(frozen=True)
class ExpectedOutputs:
    """What a model predicted for one image.

    Attributes:
        probabilities: one per class.
        features: the input of the dense layers.
    """

    probabilities: tuple[float, ...]
    features: tuple[float, ...]

    @classmethod
    def of(cls, prediction: Prediction) -> ExpectedOutputs:
        """Return the numbers of a prediction of one image, rounded to the seven digits of float32."""
        return cls(_rounded(prediction.probabilities[0]), _rounded(prediction.features[0]))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ExpectedOutputs:
        """Read what `to_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(tuple(map(float, values["probabilities"])), tuple(map(float, values["features"])))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {"probabilities": list(self.probabilities), "features": list(self.features)}


@dataclass(frozen=True)
class GoldenSample:
    """One golden sample.

    Attributes:
        file: name of the image in the bundle.
        sha256: of that file.
        expected: what OpenVINO predicted, by precision.
        expected_onnx: what ONNX Runtime predicted, by precision; empty in bundles of older versions.
    """

    file: str
    sha256: str
    expected: Mapping[str, ExpectedOutputs] = field(default_factory=dict)
    expected_onnx: Mapping[str, ExpectedOutputs] = field(default_factory=dict)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> GoldenSample:
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is something else.
        """
        if not isinstance(values["file"], str):
            raise TypeError("file is not a name")
        expected, onnx = (
            {precision: ExpectedOutputs.from_json(each) for precision, each in values.get(key, {}).items()}
            for key in ("expected", "expected_onnx")
        )
        return cls(values["file"], str(values.get("sha256", "")), expected, onnx)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; `expected_onnx` only where there is any."""
        expected, onnx = (
            {precision: each.to_json() for precision, each in found.items()}
            for found in (self.expected, self.expected_onnx)
        )
        values = {"file": self.file, "sha256": self.sha256, "expected": expected}
        return {**values, "expected_onnx": onnx} if onnx else values


@dataclass(frozen=True)
class GoldenEntry:
    """What a bundle's manifest says of its golden samples.

    Attributes:
        tolerance: largest difference of a probability that is allowed of OpenVINO, by precision.
        tolerance_onnx: the same of ONNX Runtime; empty if nothing is expected of it.
        limits: of logits and features, by backend and precision.
    """

    tolerance: Mapping[str, float]
    tolerance_onnx: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, Mapping[str, GoldenLimits]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; without what is empty."""
        values: dict[str, Any] = {"expected": GOLDEN, "tolerance": dict(self.tolerance)}
        if self.tolerance_onnx:
            values["tolerance_onnx"] = dict(self.tolerance_onnx)
        limits = {
            str(backend): {precision: each.to_json() for precision, each in by_precision.items()}
            for backend, by_precision in self.limits.items()
            if by_precision
        }
        return {**values, "limits": limits} if limits else values


def parse(data: bytes) -> list[GoldenSample]:
    """Read the contents of expected.json.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is something else, or of a newer format.
    """
    values = parse_json(data)
    if values["format"] != FORMAT:
        raise ValueError(f"not format {FORMAT}")
    return [GoldenSample.from_json(each) for each in values["samples"]]


def write(folder: Path, samples: Sequence[GoldenSample]) -> None:
    """Write expected.json into the folder of a bundle, a line per sample."""
    lines = ",\n".join(json.dumps(each.to_json()) for each in samples)
    write_text(folder / GOLDEN, f'{{"format": {FORMAT}, "samples": [\n{lines}\n]}}\n')


def _rounded(values: Any) -> tuple[float, ...]:
    return tuple(float(f"{value:.7g}") for value in values)
