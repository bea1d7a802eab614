"""Review thresholds: how they are written, what is refused, and the reason they give."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from edgewbc import Classifier
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab.thresholds import ReviewThresholds, describe
from tests.tiny import encode, make_bundle, make_image

CLASSES = ("neutrophil", "basophil", "a=b")


def test_options_are_one_threshold_and_one_per_class() -> None:
    """`0.95` is the default, `CLASS=P` one class; a class name may contain an equals sign."""
    thresholds = ReviewThresholds.parse(["basophil=1.01", "0.95", "a=b=0.25"]).resolve(CLASSES, 0.5)
    assert [thresholds.of(name) for name in CLASSES] == [0.95, 1.01, 0.25]
    assert thresholds.to_json() == {"default": 0.95, "a=b": 0.25, "basophil": 1.01}
    assert str(thresholds) == "0.95, a=b=0.25, basophil=1.01"


def test_what_is_not_given_is_the_bundles() -> None:
    """Without a default the bundle's applies, and 0.5 where it has none; JSON is then a single number."""
    assert ReviewThresholds.parse([]).resolve(CLASSES, 0.3).to_json() == 0.3
    assert ReviewThresholds().resolve(CLASSES, None).to_json() == 0.5
    assert ReviewThresholds.parse(["basophil=0.7"]).resolve(CLASSES, 0.3).of("neutrophil") == 0.3
    assert ReviewThresholds(0.3, {"basophil": 0.3}).to_json() == 0.3  # determines the same results
    assert describe(0.3) == "0.3"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["much"], "is not a threshold"),
        (["0,95"], "is not a threshold"),
        (["nan"], "is not a probability"),
        (["inf"], "is not a probability"),
        (["-0.1"], "is not a probability"),
        (["95"], "is not a probability"),
        (["basophil=-1"], "basophil=-1.0: is not a probability"),
        (["0.5", "0.6"], "give one threshold"),
        (["=0.6"], "give one threshold"),
        (["basophil=0.5", "basophil=0.6"], "basophil is set twice"),
        (["Basophil=0.5"], "Basophil: no such class; the classes are neutrophil, basophil, a=b"),
    ],
)
def test_what_is_refused(values: list[str], reason: str) -> None:
    """One line that names the value and what to write instead."""
    with pytest.raises(UserError, match=reason):
        ReviewThresholds.parse(values).resolve(CLASSES, 0.5)


@pytest.mark.parametrize("wrong", [math.nan, -1.0, True, "0.5", 7])
def test_a_bundle_with_a_senseless_threshold_is_refused(wrong: float) -> None:
    """What switches review off, or is not a number, is not taken from a manifest either."""
    with pytest.raises(UserError, match="is not a probability"):
        ReviewThresholds().resolve(CLASSES, wrong)


@pytest.mark.parametrize(
    ("probability", "threshold", "reason"),
    [
        (0.92, 0.95, "probability 0.920 is below 0.950"),
        (0.9199999, 0.92, "probability 0.9199999 is below 0.9200000"),
        (0.9196, 0.92, "probability 0.9196 is below 0.9200"),
        (math.nextafter(0.5, 0), 0.5, "probability 0.4999999999999999 is below 0.5000000000000000"),
        (0.5, 0.5, ""),
        (1.0, 1.0, ""),
        (1.0, 1.01, "every basophil is for review"),
    ],
)
def test_a_reason_never_contradicts_itself(probability: float, threshold: float, reason: str) -> None:
    """Both numbers have as many decimals as it takes to tell them apart, at least three."""
    found = ReviewThresholds(threshold).reason("basophil", probability)
    assert ("" if found is None else found.text) == reason


def test_the_python_api_takes_them(bundle: Bundle, tmp_path: Path) -> None:
    """`Classifier` takes a threshold for all classes and one per class."""
    images = [make_image(seed) for seed in range(6)]
    before = Classifier(bundle.path, threads=1).classify(images)
    assert {row.status for row in before} == {"ok"}
    label = before[0].label
    strict = Classifier(bundle.path, threads=1, review_below_by_class={label: 1.01}).classify(images)
    assert [row.status for row in strict] == ["review" if row.label == label else "ok" for row in before]
    every = Classifier(bundle.path, threads=1, review_below=1.01).classify(images)
    assert {row.status for row in every} == {"review"}
    with pytest.raises(UserError, match="no such class"):
        Classifier(bundle.path, review_below_by_class={"blast": 0.9})
    with pytest.raises(UserError, match="is not a probability"):
        Classifier(bundle.path, review_below=math.nan)


def test_a_journal_keeps_its_thresholds(tmp_path: Path) -> None:
    """Another threshold on the same journal is refused in one line with the option that resumes; the same resumes."""
    from edgewbc.lab.resume import open_journal

    bundle, place = make_bundle(tmp_path / "b"), tmp_path / "cells.csv.journal"
    (tmp_path / "a.png").write_bytes(encode(make_image(0)))
    own = ReviewThresholds.parse(["0.25", "basophil=1.01"])
    model, journal = open_journal(bundle, place, thresholds=own)
    journal.close()
    assert model.settings["review_below"] == {"default": 0.25, "basophil": 1.01}
    open_journal(bundle, place, thresholds=own)[1].close()
    for other in (ReviewThresholds(), ReviewThresholds(0.25), ReviewThresholds(0.25, {"basophil": 0.9})):
        with pytest.raises(UserError, match="run again with --review-below 0.25 --review-below basophil=1.01, or"):
            open_journal(bundle, place, thresholds=other)
    with pytest.raises(UserError, match="another model or other settings"):
        open_journal(make_bundle(tmp_path / "c", seed=1), place)
