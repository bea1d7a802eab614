"""bench.adapt and bench.pick on cells whose features are drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench import adapt, pick
from bench.lab_cells import LabCells
from edgewbc.decision import shots
from edgewbc.decision.correction import Cells
from edgewbc.decision.head import Head
from edgewbc.decision.views import LabelFrom
from tests.decision.test_correction import blobs, zero_head


def lab(counts: tuple[int, ...], head: Head) -> LabCells:
    return LabCells("tiny", "cell", "drawn", blobs(counts, views=2, noise=0.7), head)


def test_picked_cells_are_compared_with_random_ones() -> None:
    row = pick.measure(lab((60, 14, 14), zero_head(6, 3)), 8, repeats=4)
    assert row.before == pytest.approx(1 / 3)
    assert row.difference.mean == pytest.approx(row.picked.mean - row.random.mean)
    assert row.picked.mean > 0.8
    assert row.classes_picked >= row.classes_random
    assert 0 <= row.better <= 4
    assert len(pick.text([row]).splitlines()) == 2
    assert row.to_json()["picked"]["high"] <= 1


def test_cells_of_one_class_leave_the_old_head() -> None:
    cells = lab((20, 20), zero_head(6, 2))
    assert pick.after(cells, np.arange(5), cells.classes, 0) == 0.5


def test_self_training_is_measured_on_the_same_cells() -> None:
    head = Head(((2 * np.eye(3, 6, dtype=np.float32), np.zeros(3, np.float32)),))
    row = adapt.UnlabeledRow.of(lab((40, 40, 40), head))
    assert row.corrected
    assert row.after.n == row.before.n == 120
    assert row.after.correct - row.before.correct == row.mcnemar.c - row.mcnemar.b
    few = adapt.UnlabeledRow.of(lab((12, 12, 4), head))
    assert not few.corrected
    assert few.before == few.after


def test_classes_with_few_cells_do_not_count() -> None:
    assert lab((20, 11, 12), zero_head(6, 3)).classes.tolist() == [0, 2]


def test_the_table_of_draws() -> None:
    rows = shots.evaluate(blobs((8, 8)), zero_head(6, 2), [1, 2], repeats=2)
    assert len(adapt.text(rows).splitlines()) == 3


def test_sections_of_the_page() -> None:
    """A row for each number of labeled cells, one with all labels, one for each set without; gained and lost apart."""
    cells = lab((24, 24, 24), Head(((2 * np.eye(3, 6, dtype=np.float32), np.zeros(3, np.float32)),)))
    rows = shots.evaluate(cells.cells, cells.head, [1, 2], repeats=2)
    labeled = {**cells.about(), "rows": [row.to_json() for row in rows], "all": adapt.with_all_labels(cells)}
    unlabeled = {**cells.about(), **adapt.UnlabeledRow.of(cells).to_json(), "mcnemar": {"b": 3, "c": 7, "p": 0.3}}
    page = adapt.section(json.loads(json.dumps({"labeled": [labeled], "unlabeled": [unlabeled]})))
    lines = [line.split(" | ") for line in page.splitlines() if line.startswith("| tiny, cell | drawn |")]
    assert [line[2] for line in lines[:3]] == ["1", "2", "all, 10 folds"]
    assert [part.strip(" |") for part in lines[3][-2:]] == ["7", "3"]
    picked = pick.measure(cells, 8, repeats=2)
    page = pick.section(json.loads(json.dumps({"studies": [{**cells.about(), "rows": [picked.to_json()]}]})))
    (line,) = [line for line in page.splitlines() if line.startswith("| tiny, cell | drawn | 8 |")]
    assert line.endswith(f"| {picked.better} of 2 |")


def test_the_old_head_is_measured_by_the_label_that_its_bundle_gives() -> None:
    """Of a bundle that takes labels from the mean of its views, one of which alone gives most cells another label."""
    cells = blobs((20, 20, 20), views=2, noise=0.1)
    head = Head(((np.eye(3, 6, dtype=np.float32), np.zeros(3, np.float32)),))
    right = cells.features[:, :1]
    turned = Cells(np.roll(cells.features, 1, axis=2), cells.labels, cells.groups, np.repeat(right, 5, 1) * 4)
    upright, mean = (LabCells("tiny", "cell", "drawn", turned, head, each) for each in LabelFrom)
    by_one, by_mean = ((each.old_labels == cells.labels).mean() for each in (upright, mean))
    assert by_one < 0.5 < by_mean
    rows = [pick.measure(each, 8, repeats=1) for each in (upright, mean)]
    assert [row.before for row in rows] == pytest.approx([by_one, by_mean])
    assert pick.after(mean, np.arange(5), mean.classes, 0) > pick.after(upright, np.arange(5), mean.classes, 0)
    assert [adapt.UnlabeledRow.of(each).before.correct for each in (upright, mean)] == [
        pytest.approx(60 * share) for share in (by_one, by_mean)
    ]
