"""The manifest of a bundle, `manifest.json`: what the model is, and which files hold it.

Format policy: a reader accepts every older format and rejects a newer one. Format 2 added `calibration`, `risk` and
`familiarity`: a reader that ignored them would compare probabilities with a threshold that is not meant for them, and
count cells that are unfamiliar. Format 3 added `views`: a reader that ignored them would compare the probability of one
view with a threshold for the lowest of several. Format 4 added `label_from`: a reader that ignored it would give the
label of the upright view.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgewbc import cells
from edgewbc.bundle.golden_limits import GoldenLimits
from edgewbc.bundle.training_images import TrainingImages
from edgewbc.decision.calibration import Calibration
from edgewbc.decision.familiarity_info import FamiliarityInfo
from edgewbc.decision.risk import RiskTable
from edgewbc.decision.views import LabelFrom
from edgewbc.errors import UserError
from edgewbc.lineage import Lineage
from edgewbc.pixels import PixelSpec
from edgewbc.smear.views import Views

FORMAT = 4
"""The format that this edgewbc writes, and the newest that it reads."""
PRECISIONS = ("int8", "f32")
"""Precisions that a bundle can hold; the first of those that it does hold is its default."""
BACKENDS = ("openvino", "onnx")
"""Runtimes that a bundle has files for."""
MAX_INPUT = 8192
"""Largest height and width of the network's input, in pixels."""
MAX_TOLERANCE = 0.2
"""Largest tolerance of a probability that is accepted; with a larger one a selftest would prove nothing."""

REVIEW_ALL = 1.01
"""Review threshold that no probability reaches: every cell is for review."""

_FILE_COUNTS = {"openvino": 2, "onnx": 1}
"""Number of files of a model."""


@dataclass(frozen=True)
class BundleManifest:
    """Contents of `manifest.json`.

    Attributes:
        name: name of the model.
        classes: names, in the order of the outputs.
        pixels: input size and preprocessing.
        files: file names of each model, by precision and then backend: (xml, bin) or (onnx,).
        default_precision: precision that runs unless another one is asked for.
        tolerance: largest difference from the probabilities of the golden samples that are expected of OpenVINO, by
            precision.
        review_below: probability below which a person should check the label, calibrated if the bundle calibrates;
            None if the bundle does not set one.
        training_images: what the network was trained on; None in bundles of older versions.
        calibration: of the probabilities; None if they are used as the network gives them.
        risk: errors of the validation cells by threshold; None if it was not measured.
        familiarity: which cells look like those of training; None if the bundle cannot tell.
        values: the complete file, as JSON values.
        onnx_tolerance: as `tolerance`, for ONNX Runtime; empty in bundles of older versions, whose golden samples state
            only what OpenVINO predicts.
        views: further views of a cell; the lowest probability that any of them gives the label is compared with the
            review threshold. None for the upright one alone.
        golden_limits: further limits on the golden samples, by backend and precision; empty in bundles of older
            versions.
        label_from: which of the views the label is taken from.
    """

    name: str
    classes: tuple[str, ...]
    pixels: PixelSpec
    files: Mapping[str, Mapping[str, tuple[str, ...]]]
    default_precision: str
    tolerance: Mapping[str, float] = field(default_factory=dict)
    review_below: float | None = None
    training_images: TrainingImages | None = None
    calibration: Calibration | None = None
    risk: RiskTable | None = None
    familiarity: FamiliarityInfo | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    onnx_tolerance: Mapping[str, float] = field(default_factory=dict)
    views: Views | None = None
    golden_limits: Mapping[str, Mapping[str, GoldenLimits]] = field(default_factory=dict)
    label_from: LabelFrom = LabelFrom.UPRIGHT

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> BundleManifest:
        """Read the contents of `manifest.json`.

        Raises:
            UserError: the format is newer than this edgewbc, or a class name, tolerance or threshold is invalid.
            KeyError, TypeError, ValueError, AttributeError, OverflowError: it is not the manifest of a bundle.
        """
        version = values["format"]
        if type(version) is not int or version < 1:
            raise ValueError(f"format {str(version)[:20]!r}")
        if version > FORMAT:
            raise UserError(f"written by a newer edgewbc (format {version}); update edgewbc to read it")
        pixels, classes = PixelSpec.from_dict(values["pixels"]), values["classes"]
        if not isinstance(classes, list):
            raise TypeError("classes must be a list of names")
        if wrong := cells.problem(classes):
            raise UserError(f"its manifest.json: {wrong}")
        if not isinstance(values["name"], str) or not values["name"].isprintable() or len(values["name"]) > 200:
            raise ValueError("name must be a line of text")
        for side in (pixels.height, pixels.width):
            if type(side) is not int or side > MAX_INPUT:
                raise ValueError(f"input size {pixels.height} x {pixels.width}")
        for value in (*pixels.mean, *pixels.std, pixels.size, pixels.scale):
            if type(value) not in (int, float) or not math.isfinite(value):
                raise ValueError("pixels must be numbers")
        files = {
            precision: {backend: _names(precision, backend, names) for backend, names in backends.items()}
            for precision, backends in values["files"].items()
        }
        if values["default_precision"] not in files:
            raise ValueError("default_precision has no files")
        return cls(
            values["name"],
            tuple(classes),
            pixels,
            files,
            values["default_precision"],
            _tolerance(values, "tolerance"),
            _review_below(values),
            None if values.get("training_images") is None else TrainingImages.from_json(values["training_images"]),
            None if values.get("calibration") is None else Calibration.from_json(values["calibration"]),
            None if values.get("risk") is None else RiskTable.from_json(values["risk"]),
            None if values.get("familiarity") is None else FamiliarityInfo.from_json(values["familiarity"]),
            values,
            _tolerance(values, "tolerance_onnx"),
            _views(values, pixels),
            _golden_limits(values),
            _label_from(values),
        )

    def to_json(self) -> dict[str, Any]:
        """Return all of the manifest as JSON values, including entries that have no attribute here."""
        return dict(self.values)

    @property
    def arch(self) -> str | None:
        """Name of the network's architecture; None if the manifest does not state it."""
        return _text(self.values.get("arch"))

    @property
    def trained_on(self) -> str | None:
        """SHA-256 of the manifest of the training images; None if the manifest does not state it."""
        return self._data("training_manifest_sha256")

    @property
    def source(self) -> str | None:
        """Source of the images, such as pbc; None if the manifest does not state it."""
        return self._data("source")

    @property
    def citation(self) -> str | None:
        """What to cite for the images; None if the manifest does not state it."""
        return self._data("citation")

    @property
    def created(self) -> str | None:
        """Time of the export, UTC; None if the manifest does not state it."""
        return _text(self.values.get("created"))

    @property
    def accepted(self) -> float | None:
        """Share of the validation images that needed no review, 0 to 1; None if the manifest does not state it."""
        review = self.values.get("review")
        try:
            return float(review["accepted"]) / float(review["n"]) if review else None
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return None

    @property
    def adapted(self) -> bool:
        """Whether it was adapted to a laboratory's own cells."""
        return "adaptation" in self.values

    @property
    def lineage(self) -> Lineage:
        """How the network was made; without entries if the manifest does not state it."""
        return Lineage(self.values.get("lineage") or {})

    @property
    def weights_license(self) -> str | None:
        """License of the weights; None if the manifest does not state it."""
        return _text(self.values.get("weights_license"))

    def _data(self, name: str) -> str | None:
        """Return what the manifest states about the images under a name."""
        data = self.values.get("data")
        return _text(data.get(name)) if isinstance(data, Mapping) else None

    @property
    def averaged(self) -> Views | None:
        """The views whose mean the label is that of; None if it is that of the upright view."""
        return self.views if self.label_from == LabelFrom.MEAN else None

    def holds(self, backend: str, precision: str) -> bool:
        """Return whether there are files of a precision for a backend."""
        return backend in self.files.get(precision, {})


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _names(precision: str, backend: str, names: object) -> tuple[str, ...]:
    if not isinstance(names, list) or not (precision + backend).isprintable():
        raise ValueError(f"files of {precision} for {backend}: {names}")
    if len(names) != _FILE_COUNTS.get(backend, len(names)) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"files of {precision} for {backend}: {names}")
    return tuple(names)


def _tolerance(values: dict[str, Any], name: str) -> dict[str, float]:
    """Return the tolerances of a backend by precision; a missing one is reported when it is needed.

    Raises:
        UserError: one is not a number above 0 and at most `MAX_TOLERANCE`.
    """
    golden = values.get("golden")
    tolerance = golden.get(name) if isinstance(golden, dict) else None
    if not isinstance(tolerance, dict):
        return {}
    for precision, value in tolerance.items():
        if type(value) not in (int, float) or not 0 < value <= MAX_TOLERANCE:
            raise UserError(
                f"golden.{name} of {precision[:80]!r} in its manifest.json is {str(value)[:40]!r}; "
                f"it must be a number above 0, at most {MAX_TOLERANCE}"
            )
    return {precision: float(value) for precision, value in tolerance.items()}


def _golden_limits(values: dict[str, Any]) -> dict[str, dict[str, GoldenLimits]]:
    """Return the limits of each backend by precision.

    Raises:
        UserError: one is not a number in its range.
    """
    golden = values.get("golden")
    limits = golden.get("limits") if isinstance(golden, dict) else None
    return {
        backend: {
            precision: GoldenLimits.from_json(each, f"golden.limits of {(backend + ' ' + precision)[:80]!r}")
            for precision, each in by_precision.items()
        }
        for backend, by_precision in (limits or {}).items()
    }


def _views(values: dict[str, Any], pixels: PixelSpec) -> Views | None:
    found = None if values.get("views") is None else Views.from_json(values["views"])
    if found is not None and (pixels.crop != "cell" or (found.turns == 4 and pixels.height != pixels.width)):
        raise ValueError("views that its crop does not allow")
    return found


def _label_from(values: dict[str, Any]) -> LabelFrom:
    found = LabelFrom(values.get("label_from") or LabelFrom.UPRIGHT)
    if found == LabelFrom.MEAN and values.get("views") is None:
        raise ValueError("label_from is the mean of views, but there are none")
    return found


def _review_below(values: dict[str, Any]) -> float | None:
    threshold = values.get("review_below")
    if threshold is None:
        return None
    if type(threshold) not in (int, float) or not 0 <= threshold <= REVIEW_ALL:
        raise UserError(
            f"review_below in its manifest.json is {str(threshold)[:40]!r}; it must be a number from 0 to 1, or "
            f"{REVIEW_ALL} to review every cell"
        )
    return float(threshold)
