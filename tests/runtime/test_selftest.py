"""Tests of edgewbc.runtime.selftest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle, seal
from edgewbc.bundle.paths import GOLDEN, MANIFEST
from edgewbc.errors import GateError, UserError
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Batch, Prediction
from edgewbc.runtime.selftest import GoldenSamples, ModelHash, mend, selftest
from edgewbc.utils import resources


def change(bundle: Bundle, edit: Callable[[Any], Any], name: str = GOLDEN) -> Bundle:
    """Edit a JSON file of a bundle and update its hashes."""
    values = json.loads(bundle.read(name))
    edited = edit(values)
    whole = isinstance(edited, dict | list) and (not edited or "format" in edited)  # else it was edited in place
    (bundle.path / name).write_text(json.dumps(edited if whole else values))
    seal(bundle.path)
    return Bundle.open(bundle.path)


def test_a_good_bundle_passes(bundle: Bundle) -> None:
    """Every file is hashed, every sample is predicted in both precisions, and nothing differs."""
    report = selftest(bundle, threads=1)
    assert report.ok
    assert report.files == len(bundle.sums) == 11
    assert [check.precision for check in report.checks] == ["int8", "f32"]
    for check in report.checks:
        assert (check.samples, check.same_label) == (3, 3)
        assert check.difference <= 1e-6
        assert check.features <= 1e-6
    report.require()
    assert report.to_json()["ok"] is True


def test_deviating_precision_fails(own: Bundle) -> None:
    """A precision beyond the tolerance fails, and the error names the one that passes."""

    def edit(values: Any) -> None:
        probabilities = values["samples"][1]["expected"]["int8"]["probabilities"]
        probabilities[0] -= 0.5
        probabilities[4] += 0.5
        features = values["samples"][0]["expected"]["int8"]["features"]
        features[:] = [value * 2 for value in features]

    report = selftest(change(own, edit))
    int8, f32 = report.checks
    assert int8.difference == pytest.approx(0.5, abs=1e-6)
    assert int8.features == pytest.approx(0.5, abs=1e-6)
    assert (int8.ok, f32.ok, report.ok) == (False, True, False)
    with pytest.raises(GateError, match="int8 does not give the expected predictions on this PC .*use --precision f32"):
        report.require()


def test_features_and_logits_are_checked_where_the_bundle_says_how_far_they_may_be(own: Bundle) -> None:
    """Features that are all 2 % off change no label and hardly a probability."""

    def edit(values: Any) -> None:
        for sample in values["samples"]:
            features = sample["expected"]["int8"]["features"]
            features[:] = [value * 1.02 for value in features]

    before = selftest(change(own, edit))
    assert before.ok
    assert before.checks[0].limits.to_json() == {}

    def limit(values: Any) -> None:
        values["golden"]["limits"] = {"openvino": {"int8": {"mean_logit": 0.05, "mean_features": 0.01}}}

    report = selftest(change(own, limit, MANIFEST))
    int8, f32 = report.checks
    assert (int8.ok, f32.ok) == (False, True)
    assert int8.mean_features == pytest.approx(0.02 / 1.02, rel=1e-3)
    assert int8.faults == ("the mean of the features, as a share of it, differs by 0.02, allowed are 0.01",)
    assert report.to_json()["checks"][0]["limits"] == {"mean_logit": 0.05, "mean_features": 0.01}


def test_error_when_all_precisions_fail(own: Bundle) -> None:
    """If no precision passes, the error suggests copying the bundle instead."""

    def edit(values: Any) -> None:
        for precision in ("int8", "f32"):
            values["samples"][0]["expected"][precision]["probabilities"] = [1, 0, 0, 0, 0]

    with pytest.raises(GateError, match="int8 and f32 .*copy the bundle again"):
        selftest(change(own, edit)).require()


def test_the_hash_of_each_model_is_reported(bundle: Bundle) -> None:
    """The report identifies the models, and knows the released ones."""
    assert selftest(bundle, threads=1).models == (
        ModelHash("openvino", "int8", bundle.model_sha256(), ""),
        ModelHash("openvino", "f32", bundle.model_sha256("openvino", "f32"), ""),
    )
    released = selftest(Bundle.open(resources.shipped_bundle()), threads=1)
    assert [model.released for model in released.models] == ["wbc5-edge int8 openvino", "wbc5-edge int8 onnx"]


@pytest.mark.parametrize("factor", [float("nan"), -1.0, 2.0])
def test_a_network_that_gives_no_probabilities_fails(
    bundle: Bundle, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a bundle expects, an output that is not a set of probabilities fails in its precision."""
    call = OpenVINOPredictor.__call__

    def wrong(self: OpenVINOPredictor, images: Batch) -> Prediction:
        found = call(self, images)
        return Prediction(found.probabilities * np.float32(factor), found.features)

    golden = GoldenSamples.from_bundle(bundle)
    monkeypatch.setattr(OpenVINOPredictor, "__call__", wrong)
    found = golden.check(OpenVINOPredictor.from_bundle(bundle), "int8")
    assert (found.difference, found.ok) == (1.0, False)


def test_wrong_hash_raises_user_error(own: Bundle) -> None:
    """A file with a wrong hash stops the selftest, even if no model needs it."""
    (own.path / "CARD.md").write_text("changed")
    with pytest.raises(UserError, match="CARD.md is not the file that was released"):
        selftest(own)


@pytest.mark.parametrize(
    "edit",
    [
        lambda values: [],
        lambda values: {"format": 2, "samples": values["samples"]},
        lambda values: {"format": 1, "samples": []},
        lambda values: {"format": 1, "samples": ["golden"]},
        lambda values: values["samples"][0].update(file=7),
        lambda values: values["samples"][0].update(file="golden/none.png"),
        lambda values: values["samples"][0].update(sha256="0" * 64),
        lambda values: values["samples"][0]["expected"].pop("f32"),
        lambda values: values["samples"][0]["expected"]["f32"]["features"].pop(),
        lambda values: values["samples"][0]["expected"]["f32"]["probabilities"].__setitem__(0, "much"),
        lambda values: values["samples"][0]["expected"]["f32"]["probabilities"].__setitem__(0, float("nan")),
    ],
)
def test_malformed_samples_raise_user_error(own: Bundle, edit: Callable[[Any], Any]) -> None:
    """A malformed list of samples raises a UserError of one line that names the bundle."""
    with pytest.raises(UserError, match="tiny: ") as caught:
        selftest(change(own, edit))
    assert "\n" not in str(caught.value)


def test_missing_tolerances_raise_user_error(own: Bundle) -> None:
    """A bundle whose manifest has no golden.tolerance cannot be checked."""
    with pytest.raises(UserError, match=r"golden\.tolerance"):
        selftest(change(own, lambda values: values.pop("golden") and None, "manifest.json"))


def test_what_to_do_depends_on_the_instruction_set() -> None:
    """Names that OpenVINO reports."""
    for lesser in ("Intel AVX2", "Intel AVX-512"):
        assert "no VNNI" in mend(lesser)
    for isa in (
        "Intel AVX2 with Intel DL Boost",
        "Intel AVX-512 with Intel DL Boost and bfloat16 support",
        "Intel AVX10.1 and Intel AMX with bfloat16 and 8-bit integer support",
        "unknown",
        None,
    ):
        assert mend(isa) == "copy the bundle again, or update the runtime"
