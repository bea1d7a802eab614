"""What a bundle decides by, measured on labeled images with a predictor whose output is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bundle.paths import FAMILIARITY
from edgewbc.cells import CLASSES
from edgewbc.data import images, prepare
from edgewbc.data.manifest import Manifest
from edgewbc.data.sources import make
from edgewbc.decision.calibration import Calibration
from edgewbc.decision.views import LabelFrom
from edgewbc.errors import UserError
from edgewbc.export import decision
from edgewbc.pixels import PixelSpec
from edgewbc.runtime.predictor import Batch, Prediction, Predictor
from edgewbc.synth.cells import write
from tests.colored import make_manifest

PIXELS = PixelSpec(16, 16)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Labeled images of five classes."""
    return make_manifest(tmp_path_factory.mktemp("cells"))


class Brightness(Predictor):
    """Predicts the first class, the more surely the brighter an image is; its features are means over the rows."""

    def __call__(self, images: Batch) -> Prediction:
        light = images.mean((1, 2, 3)) / 255
        rest = np.repeat((1 - light)[:, None] / 4, 4, 1)
        rows = images.mean((2, 3)) / 255
        return Prediction(np.column_stack([light, rest]).astype(np.float32), rows.astype(np.float32))


def measured(manifest: Manifest, **options: float | str | None) -> decision.DecisionSettings:
    """What is measured with `Brightness`; by default the network was trained on the manifest."""
    chosen = {"trained_on": manifest.sha256, **options}
    return decision.measure(Brightness(), manifest, CLASSES, PIXELS, **chosen)  # type: ignore[arg-type]


def test_entries_agree_with_what_was_counted(manifest: Manifest) -> None:
    """The counts are those of the validation images at the threshold, and the same as in the table of errors."""
    found = measured(manifest)
    n = len(manifest.split("val"))
    entries = json.loads(json.dumps(found.to_json()))
    assert entries["review_below"] == found.review_below >= 0.5
    assert entries["review"]["n"] == n == found.table.n
    assert 0 <= entries["review"]["wrong"] <= entries["review"]["accepted"] <= n
    assert entries["calibration"] == found.calibration.to_json()
    assert found.calibration.temperature > 1  # four of five are wrong: the probabilities were too high


@pytest.mark.parametrize("trained_on", ["0" * 64, None])
def test_statistics_of_training_cells_need_the_manifest_of_the_training(
    manifest: Manifest, trained_on: str | None, tmp_path: Path
) -> None:
    """Of another manifest there are none, and an older file is removed; an unknown one is taken for the same."""
    found = measured(manifest, trained_on=trained_on)
    (tmp_path / FAMILIARITY).write_bytes(b"old")
    found.write(tmp_path)
    assert ("familiarity" in found.to_json()) == (found.familiarity is not None) == (tmp_path / FAMILIARITY).exists()
    if trained_on is not None:
        assert found.familiarity is None


def test_an_error_that_cannot_be_guaranteed_is_refused(manifest: Manifest) -> None:
    """Before any work: without images, or with too few for the share."""
    decision.check_max_error(manifest, None)
    with pytest.raises(UserError, match=r"--max-error 0.01: needs labeled validation images: give --data"):
        decision.check_max_error(None, 0.01)
    with pytest.raises(UserError):
        decision.check_max_error(manifest, 0.0001)


def test_outputs_that_are_no_probabilities_are_refused(manifest: Manifest) -> None:
    """Nothing is measured on them."""

    class Broken(Predictor):
        def __call__(self, images: Batch) -> Prediction:
            return Prediction(np.full((len(images), 5), np.nan, np.float32), np.zeros((len(images), 4), np.float32))

    with pytest.raises(UserError, match="train or quantize the network again"):
        decision.measure(Broken(), manifest, CLASSES, PIXELS, trained_on=None)


class Corner(Predictor):
    """Predicts the second class, the more surely the darker the upper left quarter is: turned views differ."""

    def __call__(self, images: Batch) -> Prediction:
        dark = 0.6 + 0.3 * (1 - images[:, :12, :12].mean((1, 2, 3)) / 255)
        rest = np.repeat((1 - dark)[:, None] / 4, 4, 1)
        found = np.column_stack([rest[:, :1], dark, rest[:, 1:]]).astype(np.float32)
        return Prediction(found, images.mean((2, 3)).astype(np.float32))


@pytest.fixture(scope="module")
def located(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, PixelSpec]:
    """Cells of the second class, and a crop that locates them."""
    folder = tmp_path_factory.mktemp("located") / "set"
    write(folder, cells=20, classes=CLASSES[1:2])
    cells = make("synthetic", folder)
    return cells, PixelSpec(24, 24, crop="cell", size=80, reference=prepare.profile(cells).reference)


def test_the_threshold_of_a_bundle_that_locates_cells_is_for_the_lowest_view(
    located: tuple[Manifest, PixelSpec],
) -> None:
    """Threshold and table count the lowest probability of six views; the calibration is of their mean."""
    cells, spec = located
    found = decision.measure(Corner(), cells, CLASSES, spec, trained_on="0" * 64)
    assert found.views is not None
    assert found.to_json()["views"] == {"turns": 4, "scales": [0.85, 1.17]}
    assert found.to_json()["label_from"] == "mean"
    entries = cells.split("val")
    upright = np.concatenate(list(images.batches(cells, entries, spec)))
    others = np.concatenate(list(images.view_batches(cells, entries, spec, found.views)))
    calibrate = found.calibration.apply
    seen = Corner()(upright).probabilities[:, None]
    seen = np.concatenate([seen, Corner()(others).probabilities.reshape(len(entries), 5, 5)], 1)
    assert found.calibration == Calibration.fit(seen.mean(1), images.truth(cells, entries, CLASSES))
    own, all_views = calibrate(seen[:, 0])[:, 1], calibrate(seen)[:, :, 1]
    accepted = [int((all_views.min(1) >= threshold).sum()) for threshold in found.table.thresholds]
    assert list(found.table.accepted) == accepted
    assert accepted != [int((own >= threshold).sum()) for threshold in found.table.thresholds]


class OneViewWrong(Predictor):
    """Predicts the first class for the images that it sees first, and the second one, more surely, for all others."""

    def __init__(self, first: int) -> None:
        self.left = first

    def __call__(self, images: Batch) -> Prediction:
        wrong = np.arange(len(images)) < self.left
        self.left -= int(wrong.sum())
        first = np.where(wrong, 0.6, 0.1)
        found = np.column_stack([first, 1 - first, np.zeros((len(images), 3))]).astype(np.float32)
        return Prediction(found, images.mean((2, 3)).astype(np.float32))


@pytest.mark.parametrize(("label_from", "wrong"), [(None, 0), (LabelFrom.MEAN, 0), (LabelFrom.UPRIGHT, 1)])
def test_errors_are_counted_of_the_label_that_classify_gives(
    located: tuple[Manifest, PixelSpec], label_from: LabelFrom | None, wrong: int
) -> None:
    """All cells are right by the mean of six views, of which the upright one alone is wrong."""
    cells, spec = located
    n = len(cells.split("val"))
    found = decision.measure(OneViewWrong(n), cells, CLASSES, spec, trained_on="0" * 64, label_from=label_from)
    assert found.table.wrong[0] == wrong * found.table.accepted[0]
    assert found.label_from == (label_from or LabelFrom.MEAN)
    assert found.to_json().get("label_from") == (None if wrong else "mean")
    assert found.calibration.after is not None
    assert (found.calibration.after.brier > 0.5) == bool(wrong)
