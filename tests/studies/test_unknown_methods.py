"""Tests of bench.unknown_methods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.unknown_methods import compare, methods, surrogates, text
from edgewbc.data.manifest import Split
from edgewbc.runtime.predictor import Prediction
from tests.colored import make_manifest
from tests.export.test_describe import bundle_without_description
from tests.tiny import make_image


def test_every_method_tells_cells_that_are_far() -> None:
    """Cells far from all classes score higher than held-out ones, by each method that uses features."""
    random = np.random.default_rng(0)
    labels = np.arange(600) % 3
    centers = random.gamma(3, 1, (3, 12)) + 2
    features = (centers[labels] + random.normal(0, 0.2, (600, 12))).astype(np.float32)
    even = np.full((100, 3), 1 / 3, np.float32)
    near = Prediction(even, features[500:])
    far = Prediction(even, features[500:] + 3 * random.normal(0, 1, (100, 12)).astype(np.float32))
    for name, score in methods(features[:300], labels[:300], features[300:500]).items():
        if name not in ("probability", "residual"):
            assert np.median(score(far)) > np.quantile(score(near), 0.9), name


def test_surrogates_are_images_of_the_same_size() -> None:
    """Each kind has one image for each prepared one, none of them unchanged."""
    prepared = np.stack([make_image(seed, 40, 40) for seed in range(4)])
    found = surrogates(prepared, ["neutrophil", "basophil"] * 2)
    assert len(found) == 9
    for kind, images in found.items():
        assert images.shape == prepared.shape, kind
        assert images.dtype == np.uint8, kind
        assert all((one != other).any() for one, other in zip(images, prepared, strict=True)), kind


def test_methods_are_compared_on_a_bundle(tmp_path: Path) -> None:
    """The areas of each method are written, for surrogates, for classes left out and for the unknown kind."""
    found = make_manifest(tmp_path / "m", per_class=4)
    known = [entry for entry in found.split("train") if entry.label != found.classes[0]]
    entries = [
        replace(entry, split=split)
        for split, times in ((Split.TRAIN, 10), (Split.VAL, 20))
        for entry in known
        for _ in range(times)
    ]
    bundle = bundle_without_description(tmp_path / "b", replace(found, classes=found.classes[1:]))
    told = compare(bundle.path, replace(found, entries=(*entries, *found.split("test"))))
    assert told["model_sha256"] == bundle.model_sha256()
    assert len(told["methods"]) == 8
    for areas in told["methods"].values():
        assert len(areas["surrogates"]) == 10
        assert set(areas["class_left_out"]) == {"mean", *bundle.classes}
        assert 0 <= areas["test_unknown"] <= 1
    assert text([told]).splitlines()[1].startswith("tiny")
