"""Tests of edgewbc.bundle.training_images."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

from edgewbc.bundle.training_images import TrainingImages
from edgewbc.cells import CLASSES
from edgewbc.images.decode import TRUNCATED
from edgewbc.pixels import PixelSpec, prepare
from edgewbc.reasons import Reason, ReasonKind
from edgewbc.smear.appearance import measure
from edgewbc.smear.unusual import found_in
from edgewbc.synth.cells import draw_cell

GRAY = "grayscale: the stain's colors are missing"
CENTRE = PixelSpec(64, 64, "centre", 250)
CELLS = [prepare(draw_cell(CLASSES[i % 5], np.random.default_rng(i), 80), PixelSpec(64, 64)) for i in range(60)]
SIZES = [(360, 363)] * 58 + [(366, 369)] * 2
FOUND = TrainingImages.of([measure(cell) for cell in CELLS], SIZES, {GRAY: 60})
NO_NOTES = TrainingImages(FOUND.appearance, FOUND.width, FOUND.height, {GRAY: 0.009}, 0.005)


def test_sizes_and_shares_are_those_of_the_images() -> None:
    """Percentiles 1, 50 and 99 of width and height, and all images gray."""
    assert FOUND.width == pytest.approx((360, 360, 366))
    assert FOUND.height == pytest.approx((363, 363, 369))
    assert FOUND.notes == {GRAY: 1.0}
    assert FOUND.appearance.images == 60


@pytest.mark.parametrize("facts", [FOUND, NO_NOTES])
def test_json_round_trip(facts: TrainingImages) -> None:
    """`from_json` returns what `to_json` wrote."""
    assert TrainingImages.from_json(json.loads(json.dumps(facts.to_json()))) == facts


def _change(**values: Any) -> dict[str, Any]:
    return {**copy.deepcopy(FOUND.to_json()), **values}


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {},
        _change(size={"width": [1, 2], "height": [1, 2, 3]}),
        _change(size={"width": [0, 2, 3], "height": [1, 2, 3]}),
        _change(size={"width": [1, 2, float("nan")], "height": [1, 2, 3]}),
        _change(notes=3),
        _change(notes={"gray": "x"}),
        _change(appearance={}),
        _change(unusual=float("inf")),
        _change(unusual="x"),
    ],
)
def test_malformed_facts_are_rejected(values: object) -> None:
    """ValueError, which `Bundle.open` reports in one line."""
    with pytest.raises(ValueError, match="training_images|range of appearance"):
        TrainingImages.from_json(values)


def test_a_note_is_no_reason_if_training_images_carried_it() -> None:
    """More than one in a hundred must; damage is a reason even so."""
    assert FOUND.reasons(CENTRE, None, [GRAY], None) == []
    assert NO_NOTES.reasons(CENTRE, None, [GRAY], None) == [Reason(ReasonKind.IMAGE, GRAY)]
    damaged = TrainingImages(FOUND.appearance, FOUND.width, FOUND.height, {TRUNCATED: 1.0, "damaged: x": 1.0})
    found = damaged.reasons(CENTRE, None, [TRUNCATED, "damaged: x"], None)
    assert found == [Reason(ReasonKind.IMAGE, TRUNCATED), Reason(ReasonKind.IMAGE, "damaged: x")]


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((360, 363), None),
        ((540, 540), None),
        ((1440, 1452), "image of 1440 x 1452 pixels, trained on about 360 x 363: only its center is seen"),
        ((360, 600), "image of 360 x 600 pixels, trained on about 360 x 363: only its center is seen"),
        ((120, 121), "image of 120 x 121 pixels, trained on about 360 x 363: the cell is seen at another scale"),
    ],
)
def test_sizes_far_from_training_are_a_reason_where_the_crop_is_fixed(size: tuple[int, int], words: str | None) -> None:
    """More than 1.5 times off, in either direction; a crop that adapts to the size sees the same either way."""
    assert FOUND.reasons(CENTRE, size, [], None) == ([] if words is None else [Reason(ReasonKind.IMAGE, words)])
    assert FOUND.reasons(PixelSpec(64, 64), size, [], None) == []


def test_at_most_three_quantities_are_named() -> None:
    """Noise is unusual in nearly every quantity; an image like the training images has no reason."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    (reason,) = FOUND.reasons(CENTRE, None, [], measure(noise))
    assert reason.kind is ReasonKind.UNUSUAL
    assert reason.text.count("(usual ") == 3
    assert reason.text.endswith(" more")
    named = found_in(reason.text)
    assert len(named) == 3
    assert all(not each.low <= each.value <= each.high for each in named)
    assert FOUND.reasons(CENTRE, None, [], measure(CELLS[7])) == []
