"""A bundle that can tell unfamiliar cells and calibrates: rows, differential, settings, selftest and the thresholds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from edgewbc.bundle.bundle import Bundle, seal
from edgewbc.bundle.manifest import FORMAT
from edgewbc.cli.main import app
from edgewbc.decision import familiarity_fit
from edgewbc.decision.calibration import Calibration
from edgewbc.decision.familiarity import Familiarity
from edgewbc.decision.risk import RiskTable
from edgewbc.errors import UserError
from edgewbc.lab.classifier import Classifier
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.results import Status
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.pixels import Image
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.selftest import selftest
from edgewbc.utils.files import write_json
from tests.tiny import encode, make_bundle

RISK = RiskTable(1000, (0.5, 0.9, 0.99), (1000, 900, 500), (40, 2, 0))


def plain(seed: int) -> Image:
    """Return an image of one light color with a little noise, 16 x 16."""
    random = np.random.default_rng(seed)
    return (random.integers(150, 200, 3) + random.integers(0, 20, (16, 16, 3))).astype(np.uint8)


def describe(folder: Path, statistics: Familiarity, **entries: Any) -> Bundle:
    """Add the statistics and entries to a bundle's folder."""
    (folder / "familiarity.npz").write_bytes(statistics.to_bytes())
    values = {**json.loads((folder / "manifest.json").read_text()), "format": FORMAT, **entries}
    values.setdefault("familiarity", statistics.info("familiarity.npz").to_json())
    write_json(folder / "manifest.json", values)
    seal(folder)
    return Bundle.open(folder)


def statistics(bundle: Bundle, seeds: range = range(200)) -> Familiarity:
    """Return the statistics of light images, labeled in turn."""
    images = np.stack([plain(seed) for seed in seeds])
    features = OpenVINOPredictor.from_bundle(bundle)(images).features
    return familiarity_fit.fit(features, np.arange(len(seeds)) % 5, features[:150])


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with familiarity statistics, calibration and the errors of its validation."""
    bundle = make_bundle(tmp_path_factory.mktemp("knowing") / "tiny")
    entries = {"calibration": Calibration(0.5, 100).to_json(), "risk": RISK.to_json()}
    return describe(bundle.path, statistics(bundle), **entries)


FAR: Image = np.zeros((16, 16, 3), np.uint8)
"""A black image, unlike the light ones."""


def test_an_unfamiliar_cell_keeps_its_label_and_is_not_counted(knowing: Bundle) -> None:
    """It has status unfamiliar and a reason in words, whatever its probability is."""
    classifier = Classifier(knowing.path, threads=1, review_below=0)
    near, far = classifier.classify([plain(3), FAR])
    assert (near.status, near.reason) == (Status.OK, "")
    assert far.status == Status.UNFAMILIAR
    assert far.reason.startswith("unlike the training cells: distance ")
    assert far.label in knowing.classes
    assert far.probabilities[far.label] == far.probability == max(far.probabilities.values())


def test_every_reason_is_given(knowing: Bundle) -> None:
    """An unfamiliar cell that is also below the threshold stays unfamiliar, with both reasons."""
    (far,) = Classifier(knowing.path, threads=1, review_below=1.01).classify(FAR)
    assert far.status == Status.UNFAMILIAR
    assert far.reason.startswith("unlike the training cells: ")
    assert far.reason.endswith(f"; every {far.label} is for review")


def test_probabilities_are_calibrated(knowing: Bundle) -> None:
    """A row's probabilities are those of the network, sharpened by the temperature of 0.5."""
    image = plain(3)
    raw = OpenVINOPredictor.from_bundle(knowing)(image[None]).probabilities[0].astype(float)
    (row,) = Classifier(knowing.path, threads=1).classify(image)
    np.testing.assert_allclose(list(row.probabilities.values()), raw**2 / (raw**2).sum(), rtol=1e-3)


def test_a_model_of_other_features_gives_errors(knowing: Bundle) -> None:
    """Where familiarity cannot be told, no label is given, and the run goes on."""
    model = LoadedBundle.load(knowing, threads=1)
    (result,) = model.results([FAR])
    (cell,) = result.cells
    assert model.familiarity is not None
    (row,) = model.rows(replace(result, cells=(replace(cell, features=cell.features[:3]),)))
    assert (row.status, row.label) == (Status.ERROR, "")
    assert row.reason.startswith("the model gives 3 features")
    other = replace(model, familiarity=replace(model.familiarity, center=model.familiarity.center[:3]))
    rows = [row for result in other.results([FAR, plain(3)]) for row in other.rows(result)]
    assert [(row.status, row.label) for row in rows] == [(Status.ERROR, "")] * 2


def test_rows_do_not_depend_on_other_images(knowing: Bundle) -> None:
    """To the last digit: calibrated and compared together with others, and with some that have no prediction."""
    model = LoadedBundle.load(knowing, threads=1)
    images = [FAR, *map(plain, range(40))]
    results = list(model.results(images))
    (cell,) = results[5].cells
    results[5] = replace(results[5], cells=(replace(cell, features=np.full_like(cell.features, np.nan)),))
    results[6] = replace(results[6], cells=(), error="damaged")
    results[7] = replace(results[7], cells=())
    random = np.random.default_rng(0)
    for index in range(10, 20):  # as of a bundle that looks at several views
        (cell,) = results[index].cells
        others = random.dirichlet(np.ones(len(cell.probabilities)), 5).astype(np.float32)
        results[index] = replace(results[index], cells=(replace(cell, others=others),) * (1 + index % 2))
    (cell, other) = results[13].cells
    broken = replace(cell, others=np.full_like(other.probabilities[None], np.inf))
    results[13] = replace(results[13], cells=(broken, other))
    together = model.finished(results)
    assert [image.result for image in together] == results
    for image in together:
        assert repr([replace(row, classified_at="") for row in image.rows]) == repr(
            [replace(row, classified_at="") for row in model.rows(image.result)]
        )
    assert [row.status for index in (0, 5, 6, 7, 13) for row in together[index].rows] == [
        Status.UNFAMILIAR, Status.ERROR, Status.ERROR, Status.REVIEW, Status.ERROR, Status.OK,
    ]  # fmt: skip
    assert together[5].rows[0].reason == "the model's features are not numbers (NaN or infinite)"
    assert model.finished([]) == []


def test_a_run_records_what_decides(knowing: Bundle, tmp_path: Path) -> None:
    """Journal, summary and JSON say which statistics and which calibration; the differential lists the cells apart."""
    folder = tmp_path / "cells"
    folder.mkdir()
    for seed in range(4):
        (folder / f"{seed}.png").write_bytes(encode(plain(seed)))
    (folder / "far.png").write_bytes(encode(FAR))
    out = tmp_path / "rows.csv"
    arguments = ["classify", str(folder), "--model", str(knowing.path), "--threads", "1", "--review-below", "0"]
    done = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "4 counted, 0 to review, 1 unfamiliar, 0 could not be read" in done.stdout
    assert "unfamiliar, not counted" in done.stdout
    summary = json.loads((tmp_path / "rows.summary.json").read_text())
    assert summary["statuses"]["unfamiliar"] == 1
    assert summary["settings"]["calibration"] == {"method": "temperature", "temperature": 0.5}
    assert summary["settings"]["familiarity"]["sha256"] == knowing.sums["familiarity.npz"]
    assert ",unfamiliar,unlike the training cells: " in out.read_text()
    again = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert again.exit_code == 0, again.output
    assert "1 unfamiliar" in again.stdout


def test_selftest_compares_familiarity(knowing: Bundle, bundle: Bundle) -> None:
    """Golden samples are as familiar as they were at export; a bundle without statistics has nothing to compare."""
    for check in selftest(knowing, 1).checks:
        assert check.familiarity is not None
        assert check.same_familiarity == check.samples
    assert [check.familiarity for check in selftest(bundle, 1).checks] == [None, None]
    shown = CliRunner().invoke(app, ["selftest", str(knowing.path), "--threads", "1"])
    assert "familiarity int8: " in shown.stdout


def test_max_error_chooses_the_threshold(knowing: Bundle) -> None:
    """By risk control on the counts of the bundle; thresholds of one's own take precedence."""
    found = ReviewThresholds(max_error=0.01).of_bundle(knowing.manifest)
    assert found.choice is not None
    assert (found.default, found.choice.accepted, found.choice.wrong) == (0.9, 900, 2)
    own = ReviewThresholds(0.3, {"basophil": 1.01}, max_error=0.01).of_bundle(knowing.manifest)
    assert (own.default, own.of("basophil"), own.choice) == (0.3, 1.01, None)
    with_class = ReviewThresholds(by_class={"basophil": 1.01}, max_error=0.01).of_bundle(knowing.manifest)
    assert (with_class.of("neutrophil"), with_class.of("basophil")) == (0.9, 1.01)
    settings = LoadedBundle.load(knowing, threads=1, thresholds=ReviewThresholds(max_error=0.01)).settings
    assert settings["max_error"]["bound"] <= 0.01
    assert settings["review_below"] == 0.9


def test_max_error_needs_a_bundle_that_knows_its_errors(bundle: Bundle, knowing: Bundle) -> None:
    """One line says what to do, also where validation does not guarantee so small an error."""
    with pytest.raises(UserError, match="--max-error 0.01: tiny does not record the errors of its validation cells"):
        ReviewThresholds(max_error=0.01).of_bundle(bundle.manifest)
    with pytest.raises(UserError, match="1000 validation cells cannot guarantee an error of 0.1 %"):
        ReviewThresholds(max_error=0.001).of_bundle(knowing.manifest)
    with pytest.raises(UserError, match="no such class"):
        ReviewThresholds(by_class={"blast": 1}, max_error=0.01).of_bundle(knowing.manifest)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"format": 9}, "written by a newer edgewbc"),
        ({"features": 5}, "familiarity.npz is not usable"),
        ({"groups": 6}, "it describes 6 classes, and the model has 5"),
        ({"file": "other.npz"}, "other.npz is not listed"),
        ({"components": 100_000}, "not a bundle's"),
    ],
)
def test_statistics_that_do_not_fit_are_refused(
    tmp_path: Path, knowing: Bundle, entry: dict[str, Any], message: str
) -> None:
    """A bundle whose statistics cannot be read classifies nothing, since it would count unfamiliar cells."""
    bundle = make_bundle(tmp_path / "tiny")
    familiarity = knowing.familiarity()
    assert familiarity is not None
    info = {**familiarity.info("familiarity.npz").to_json(), **entry}
    with pytest.raises(UserError, match=message):
        LoadedBundle.load(describe(bundle.path, familiarity, familiarity=info), threads=1)


def test_damaged_statistics_are_refused(tmp_path: Path, knowing: Bundle) -> None:
    """A file whose hash is wrong, or whose contents are, is not used."""
    bundle = make_bundle(tmp_path / "tiny")
    familiarity = knowing.familiarity()
    assert familiarity is not None
    told = describe(bundle.path, familiarity)
    (bundle.path / "familiarity.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match="familiarity.npz is not the file that was released"):
        told.verify()
    seal(bundle.path)
    with pytest.raises(UserError, match="familiarity.npz is not usable"):
        Bundle.open(bundle.path).verify()


def test_a_newer_format_is_refused(own: Bundle) -> None:
    """A reader that does not know a format says so; older ones are read."""
    assert own.manifest.to_json()["format"] == 1 < FORMAT
    write_json(own.path / "manifest.json", {**own.manifest.to_json(), "format": FORMAT + 1})
    seal(own.path)
    with pytest.raises(UserError, match=f"written by a newer edgewbc \\(format {FORMAT + 1}\\)"):
        Bundle.open(own.path)
