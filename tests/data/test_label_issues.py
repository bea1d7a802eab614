"""Tests of `edgewbc.data.label_issues`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgewbc.cells import CLASSES
from edgewbc.data import label_issues
from edgewbc.data.label_issues import check, divide, issues, joined, judge, out_of_fold
from edgewbc.data.manifest import Entry, Split
from edgewbc.errors import UserError

NAMES = CLASSES[:3]


def blobs(per_class: int = 40, spread: float = 1.0, seed: int = 0) -> tuple[NDArray[np.float32], list[Entry]]:
    """Return features of three classes around three corners of a 12-dimensional space, two cells per group."""
    random = np.random.default_rng(seed)
    corners = 4 * np.eye(3, 12)
    features, entries = [], []
    for number in range(per_class):
        for label, corner in zip(NAMES, corners, strict=True):
            path = f"{label}/{number:03d}.png"
            features.append(corner + random.normal(size=12) * spread)
            entries.append(Entry(path, label, f"{label}-{number // 2}", Split.TRAIN, f"hash of {path}"))
    return np.array(features, dtype=np.float32), entries


def flipped(entries: list[Entry], places: list[int]) -> list[Entry]:
    """Return the same entries, those at `places` with the label of the next class."""
    turned = {name: NAMES[(i + 1) % 3] for i, name in enumerate(NAMES)}
    return [replace(e, label=turned[e.label]) if i in places else e for i, e in enumerate(entries)]


def test_flipped_labels_are_ranked_first() -> None:
    """Seven planted errors have the first ranks; at least six are flagged, with their true label, and no other cell."""
    features, entries = blobs(spread=0.6)
    places = [3, 10, 32, 47, 80, 101, 118]
    found = judge(features, flipped(entries, places), CLASSES)
    assert {cell.place for cell in found.cells[:7]} == set(places)
    assert len(found.flagged) in (6, 7)
    assert {cell.place for cell in found.flagged} <= set(places)
    assert all(cell.suggested == entries[cell.place].label for cell in found.flagged)
    assert all(cell.given != cell.suggested and cell.p_given < 0.5 < cell.p_suggested for cell in found.flagged)
    assert [cell.rank for cell in found.cells] == list(range(1, 121))
    assert (found.folds, found.groups, found.score.n, found.score.correct) == (5, 60, 120, 113)
    assert found.score.classes == NAMES  # without the classes that have no cell
    assert sum(n for _, _, n in found.pairs()) == len(found.flagged)
    counts = [n for _, _, n in found.pairs()]
    assert counts == sorted(counts, reverse=True)


def test_clean_labels_are_left_alone() -> None:
    """If the classes are far apart and every label is correct, nothing is flagged."""
    features, entries = blobs(spread=0.3)
    found = judge(features, entries, NAMES)
    assert found.flagged == ()
    assert found.pairs() == []
    assert found.score.accuracy == 1.0
    assert [cell.quality for cell in found.cells] == sorted(cell.quality for cell in found.cells)


def test_judgment_is_reproducible() -> None:
    """The same cells, folds and seed give the same result; another seed gives other folds."""
    features, entries = blobs(per_class=12, spread=2)
    assert judge(features, entries, NAMES, seed=1) == judge(features, entries, NAMES, seed=1)
    assert judge(features, entries, NAMES, seed=1) != judge(features, entries, NAMES, seed=2)


def test_no_classifier_is_fitted_to_the_cells_that_it_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong labels in a fold do not change the probabilities in that fold, but those in the others."""
    monkeypatch.setattr(label_issues, "STRENGTHS", (1e-2,))
    features, entries = blobs(spread=2)
    truth = np.arange(len(entries)) % 3
    fold = divide(truth, joined(entries), NAMES, 4)
    other = np.where(fold == 2, (truth + 1) % 3, truth)
    one, two = (out_of_fold(features, labels, [fold])[0] for labels in (truth, other))
    np.testing.assert_array_equal(one[fold == 2], two[fold == 2])
    assert np.abs(one - two)[fold != 2].max() > 0.01
    np.testing.assert_allclose(one.sum(1), 1)


def test_divisions_are_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probabilities of several divisions are the mean over the divisions."""
    monkeypatch.setattr(label_issues, "STRENGTHS", (1e-2,))
    features, entries = blobs(per_class=12, spread=2)
    truth = np.arange(len(entries)) % 3
    folds = [divide(truth, joined(entries), NAMES, 3, seed) for seed in (0, 1)]
    assert (folds[0] != folds[1]).any()
    each = [out_of_fold(features, truth, [fold])[0] for fold in folds]
    np.testing.assert_allclose(out_of_fold(features, truth, folds)[0], np.mean(each, 0))


def test_penalty_is_chosen_by_log_loss() -> None:
    """Random labels get a strong penalty, well-separated classes a weak one; a constant feature does no harm."""
    features, entries = blobs()
    features[:, 5] = 7
    truth = np.arange(len(entries)) % 3
    fold = divide(truth, joined(entries), NAMES, 3)
    assert out_of_fold(features, np.random.default_rng(0).permutation(truth), [fold])[1] in label_issues.STRENGTHS[:2]
    probabilities, strength = out_of_fold(features, truth, [fold])
    assert strength == label_issues.STRENGTHS[-1]
    assert np.isfinite(probabilities).all()


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 14)), min_size=30, max_size=90), st.integers(2, 6))
def test_groups_never_cross_folds(cells: list[tuple[int, int]], folds: int) -> None:
    """For any labels and groups: a group is in one fold, and every class is in every training part."""
    truth = np.array([label for label, _ in cells])
    groups = np.array([group for _, group in cells])
    try:
        fold = divide(truth, groups, NAMES[: truth.max() + 1], folds)
    except (UserError, ValueError):  # too few groups, or a class without a cell, which `judge` excludes
        return
    assert 2 <= len(set(fold.tolist())) <= folds
    for group in set(groups.tolist()):
        assert len(set(fold[groups == group].tolist())) == 1
    for part in set(fold.tolist()):
        assert set(truth[fold != part].tolist()) == set(truth.tolist())


def test_copies_stay_together() -> None:
    """Cells of one group, one image or the same bytes, and copies of copies, get the same number."""
    rows = [("a", "g1", "1"), ("b", "g1", "2"), ("c", "g2", "2"), ("d", "g3", "3"), ("e", "g4", "4"), ("f", "g5", "5"),
            ("f", "g6", "5")]  # fmt: skip
    entries = [Entry(path, "monocyte", group, Split.TRAIN, sha) for path, group, sha in rows]
    assert joined(entries).tolist() == [0, 0, 0, 1, 2, 3, 3]
    assert joined(entries, [("d", "e"), ("e", "a")]).tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert joined(entries, [("d", "e", "f")]).tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_few_groups_make_fewer_folds() -> None:
    """A class with three groups allows three folds; if two of them are copies of each other, two."""
    features, entries = blobs(per_class=6)
    assert judge(features, entries, NAMES).folds == 3
    assert judge(features, entries, NAMES, copies=[("monocyte/000.png", "monocyte/005.png")]).folds == 2


@pytest.mark.parametrize(
    ("keep", "folds", "message"),
    [
        (
            lambda e: e.label == "monocyte",
            5,
            "at least two classes; the manifest's are only of class 'monocyte'",
        ),
        (lambda e: False, 5, "the manifest's are none"),
        (lambda e: e.label != "monocyte" or e.group == "monocyte-1", 5, "class 'monocyte' has only one group"),
        (lambda e: True, 1, "--folds 1: give 2 or more"),
    ],
)
def test_bad_input_is_an_error_before_features_are_computed(keep: object, folds: int, message: str) -> None:
    """A single class, a class with one group, and a single fold are errors of one line."""
    assert callable(keep)
    entries = [entry for entry in blobs(per_class=6)[1] if keep(entry)]
    with pytest.raises(UserError, match=message) as error:
        check(entries, NAMES, folds)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=message):
        judge(np.zeros((len(entries), 2), np.float32), entries, NAMES, folds=folds)


def test_a_group_of_all_classes_cannot_be_left_out() -> None:
    """If one of two groups alone has two of the classes, the message names a class and its number of groups."""
    truth, groups = np.array([0, 1, 2, 0, 0]), np.array([0, 0, 0, 1, 1])
    with pytest.raises(UserError, match="class 'lymphocyte' has only one group"):
        divide(truth, groups, NAMES, 2)


def test_issues_are_the_doubtful_labels() -> None:
    """Quality is the probability of the given label; a cell whose label is the most probable one is not an issue."""
    probabilities = np.full((40, 2), 0.05)
    truth = np.arange(40) % 2
    probabilities[np.arange(40), truth] = 0.95
    probabilities[6] = (0.02, 0.98)
    quality, wrong = issues(truth, probabilities)
    assert np.flatnonzero(wrong).tolist() == [6]
    assert quality[6] == pytest.approx(0.02)
    assert quality[7] == pytest.approx(0.95)
