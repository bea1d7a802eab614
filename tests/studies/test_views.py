"""What looking at several views is worth, on probabilities that are known and on drawn cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench import views as study
from bench.views import Looked
from edgewbc.decision.calibration import Calibration
from edgewbc.smear.views import Views

VIEWS = Views(2, (0.8,))


def looked(own: list[float], turned: list[float], scaled: list[float], wrong: tuple[int, ...] = ()) -> Looked:
    """Cells whose label is the first of two classes, with the probability that each view gives it."""
    truth = np.zeros(len(own), np.int64)
    truth[list(wrong)] = 1

    def both(first: list[float]) -> Any:
        return np.stack([np.array(first), 1 - np.array(first)], axis=-1).astype(np.float32)

    others = np.stack([both(turned), both(scaled)], axis=1)
    return Looked(truth, both(own), others, np.ones(len(own), np.bool_), Calibration(1.0))


def test_each_choice_of_views_has_its_own_lowest_probability() -> None:
    """The turned view, the scaled one, and both."""
    assert study.choices(VIEWS) == {"one view": (), "2 turns": (0,), "2 scales": (1,), "all 3 views": (0, 1)}
    one = looked([0.9], [0.8], [0.7])
    found = [float(one.judged(chosen).sure[0]) for chosen in study.choices(VIEWS).values()]
    assert found == pytest.approx([0.9, 0.8, 0.7, 0.7])


def test_wrong_labels_that_a_view_doubts_are_not_accepted() -> None:
    """At home all views agree, so each choice accepts the same; elsewhere one of two wrong labels is seen through."""
    home = looked([0.95] * 40, [0.95] * 40, [0.95] * 40)
    other = looked([0.99, 0.99, 0.99], [0.99, 0.2, 0.99], [0.99, 0.99, 0.99], wrong=(1, 2))
    rows = study.compare(home, {"jtsc": other}, VIEWS)
    assert [row["sets"]["pbc"]["accepted"] for row in rows] == [40] * 4
    assert [(row["sets"]["jtsc"]["accepted"], row["sets"]["jtsc"]["wrong"]) for row in rows] == [
        (3, 2), (2, 1), (3, 2), (2, 1),
    ]  # fmt: skip
    text = study.section({"bundles": [{"bundle": "b", "labels": {"jtsc": other.labels()}, "rows": rows}]})
    assert "| b | jtsc | all 3 views | 0.500 | 2 of 3 | 66.7 % | 1 | 50.0 % (9.5-90.5 %) |" in text
    assert text.startswith("Labels:")
    assert study.section({"bundles": [{"bundle": "b", "rows": rows}]}).startswith("| bundle | images | looked at |")


def test_an_unfamiliar_cell_is_never_accepted() -> None:
    """However sure all views are; a share of nothing is a dash."""
    cells = looked([0.99], [0.99], [0.99])
    strange = replace(cells, familiar=np.zeros(1, np.bool_))
    assert strange.accepted((0, 1), 0.5) == {"n": 1, "accepted": 0, "wrong": 0, "interval": None}


def test_labels_by_the_upright_view_and_by_the_mean_of_all() -> None:
    """Of 16 cells, the upright view is wrong about two that the mean is right about, and right about one more."""
    upright = [0.9] * 13 + [0.4, 0.4, 0.6]
    found = looked(upright, [0.9] * 15 + [0.1], [0.8] * 16, wrong=()).labels()
    assert (found["upright"]["correct"], found["mean"]["correct"], found["mean"]["n"]) == (14, 16 - 0, 16)
    assert found["mcnemar"] == {"b": 0, "c": 2, "p": 0.5}
    found = looked(upright, [0.9] * 15 + [0.1], [0.3] * 16, wrong=()).labels()
    assert (found["upright"]["correct"], found["mean"]["correct"]) == (14, 15)
    assert found["mcnemar"] == {"b": 1, "c": 2, "p": 1.0}
    assert found["mean"]["macro"] == pytest.approx(15 / 16)
    text = study.label_table([{"bundle": "b", "labels": {"pbc": found}}])
    assert "| b | pbc, validation | 14 of 16 (87.50 %) | 87.50 % | 15 of 16 (93.75 %) | 93.75 % | 1 : 2 | 1 |" in text


def test_labels_of_accepted_cells_are_those_of_the_mean() -> None:
    """A cell that two of three views give the right label is right if its threshold is low, and not with one view."""
    cells = looked([0.4], [0.9], [0.8])
    assert cells.accepted((), 0.5) == {
        "n": 1,
        "accepted": 1,
        "wrong": 1,
        "interval": pytest.approx((0.207, 1.0), abs=1e-3),
    }
    assert cells.accepted((0, 1), 0.3)["wrong"] == 0
    assert cells.accepted((0, 1), 0.5)["accepted"] == 0
