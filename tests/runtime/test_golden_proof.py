"""Tests of edgewbc.runtime.golden_proof: a model that computes something else here is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab.classify import LoadedBundle
from edgewbc.runtime import golden_proof, tuning_cache
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Batch, Prediction, Predictor
from edgewbc.runtime.selftest import GoldenSamples
from tests.tiny import make_bundle


class Off(Predictor):
    """A predictor that gives every class the same probability, as a CPU with other kernels might."""

    def __init__(self, right: Predictor, isa: str) -> None:
        self.right, self.calls = right, 0
        self.info = replace(right.info, isa=isa)

    def __call__(self, images: Batch) -> Prediction:
        self.calls += 1
        found = self.right(images)
        return Prediction(np.full_like(found.probabilities, 1 / found.probabilities.shape[1]), found.features)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    monkeypatch.setenv(tuning_cache.CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(golden_proof, "_passed", set())
    return make_bundle(tmp_path / "b")


def test_a_model_that_passes_is_checked_once(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process and, by the cache folder, in the next; and again in another version of the runtime."""
    checked: list[str] = []
    check = GoldenSamples.check

    def counted(samples: GoldenSamples, predictor: Predictor, precision: str) -> Any:
        checked.append(precision)
        return check(samples, predictor, precision)

    monkeypatch.setattr(GoldenSamples, "check", counted)
    predictor = OpenVINOPredictor.from_bundle(bundle, "int8", threads=1)
    for expected in (1, 1):
        golden_proof.require(bundle, predictor, "int8")
        assert len(checked) == expected
    monkeypatch.setattr(golden_proof, "_passed", set())
    golden_proof.require(bundle, predictor, "int8")
    assert len(checked) == 1
    predictor.info = replace(predictor.info, version="another")
    golden_proof.require(bundle, predictor, "int8")
    assert len(checked) == 2


def test_a_model_that_fails_is_refused_every_time(bundle: Bundle) -> None:
    """The error names what to do: another precision of the bundle."""
    wrong = Off(OpenVINOPredictor.from_bundle(bundle, "int8", threads=1), "Intel AVX2")
    for _ in range(2):
        with pytest.raises(UserError, match=r"int8 does not reproduce .* \(Intel AVX2\): .*: try --precision f32$"):
            golden_proof.require(bundle, wrong, "int8")
    assert wrong.calls == 6


def test_a_bundle_without_golden_samples_is_not_checked(bundle: Bundle) -> None:
    object.__setattr__(bundle.manifest, "tolerance", {})
    wrong = Off(OpenVINOPredictor.from_bundle(bundle, "int8", threads=1), "Intel AVX2")
    golden_proof.require(bundle, wrong, "int8")
    assert wrong.calls == 0


def test_nothing_is_classified_by_a_model_that_fails(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading for `classify`, `count` and `serve` asks; a model that passes is loaded."""
    assert LoadedBundle.load(bundle, threads=1).bundle is bundle
    monkeypatch.setattr(golden_proof, "_passed", set())
    monkeypatch.setattr(tuning_cache, "knows_model", lambda key: False)
    monkeypatch.setattr(OpenVINOPredictor, "_prediction", _uniform)
    with pytest.raises(UserError, match="does not reproduce its golden samples on this PC"):
        LoadedBundle.load(bundle, threads=1)


def _uniform(predictor: OpenVINOPredictor, request: Any) -> Prediction:
    probabilities, features = (np.array(request.get_tensor(output).data) for output in predictor._outputs)
    return Prediction(np.full_like(probabilities, 1 / probabilities.shape[1]), features)
