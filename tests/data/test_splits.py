"""Tests of `edgewbc.data.splits`."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.data.manifest import Split
from edgewbc.data.splits import grouped, official, poster
from edgewbc.errors import UserError

COMMON = settings(max_examples=60, deadline=None)
CELLS = st.lists(
    st.tuples(st.integers(0, 25).map(lambda n: f"slide{n}"), st.sampled_from(["a", "b", "c"])), min_size=1, max_size=150
)


@COMMON
@given(cells=CELLS, seed=st.integers(0, 1000))
def test_grouped_keeps_groups_together_and_classes_in_every_split(cells: list[tuple[str, str]], seed: int) -> None:
    """Each group is in one split and each class in all three, or the error names the class that cannot be."""
    groups = {label: {g for g, name in cells if name == label} for _, label in cells}
    try:
        sides = grouped(cells, seed)
    except UserError:
        # Only a class with too few slides, or classes with conflicting demands on shared slides, can be refused.
        assert min(len(members) for members in groups.values()) < 3 or len(groups) > 1
        return
    assert set(sides) == {group for group, _ in cells}
    for members in groups.values():
        assert {sides[group] for group in members} == {"train", "val", "test"}


@COMMON
@given(cells=CELLS, seed=st.integers(0, 1000), order=st.randoms(use_true_random=False))
def test_grouped_does_not_depend_on_the_order(cells: list[tuple[str, str]], seed: int, order) -> None:  # type: ignore[no-untyped-def]
    """The same cells in another order, with the same seed, are split alike."""
    try:
        first = grouped(cells, seed)
    except UserError:
        return
    shuffled = list(cells)
    order.shuffle(shuffled)
    assert grouped(shuffled, seed) == first


def test_grouped_is_stratified() -> None:
    """With 100 groups of one class and 50 of another, each split has its share of both to within one."""
    cells = [(f"a{i}", "a") for i in range(100)] + [(f"b{i}", "b") for i in range(50)]
    sides = grouped(cells, seed=1)
    found = Counter((sides[group], label) for group, label in cells)
    for side, share in ((Split.TRAIN, 0.7), (Split.VAL, 0.1), (Split.TEST, 0.2)):
        assert abs(found[side, "a"] - 100 * share) <= 1
        assert abs(found[side, "b"] - 50 * share) <= 1


def test_grouped_changes_with_the_seed() -> None:
    """Another seed gives another split."""
    cells = [(f"a{i}", "a") for i in range(40)]
    assert grouped(cells, seed=0) != grouped(cells, seed=1)


def test_grouped_names_a_class_with_too_few_groups() -> None:
    """Two slides cannot fill three splits, however many cells they have."""
    cells = [(f"s{i}", "neutrophil") for i in range(9)] + [(f"s{i % 2}", "basophil") for i in range(30)]
    with pytest.raises(UserError, match="'basophil' has 2 groups"):
        grouped(cells, seed=0)


def test_grouped_refuses_groups_that_cannot_be_split() -> None:
    """Classes with conflicting demands on shared slides are an error; no class is left without test images."""
    slides = {"a": "123", "b": "124", "c": "345"}  # a and b need 3 and 4 in one split, c needs them apart
    with pytest.raises(UserError, match="cannot be divided"):
        grouped([(slide, label) for label, names in slides.items() for slide in names], seed=0)


def test_grouped_without_validation() -> None:
    """A share of 0 leaves validation empty, and two groups are enough."""
    assert set(grouped([("s1", "a"), ("s2", "a")], 0, (0.8, 0.0, 0.2)).values()) == {"train", "test"}


@COMMON
@given(
    train=st.lists(st.tuples(st.integers(0, 25), st.sampled_from(["a", "b"])), min_size=1, max_size=80),
    test=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b"])), max_size=30),
    seed=st.integers(0, 99),
)
def test_official_keeps_the_test_split(train: list[tuple[int, str]], test: list[tuple[int, str]], seed: int) -> None:
    """All of TEST and nothing else is test; each class of TRAIN is in train and val, or the error names it."""
    cells = [(f"train/{group}", label, "train") for group, label in train]
    cells += [(f"test/{group}", label, "test") for group, label in test]
    try:
        sides = official(cells, seed)
    except UserError:
        groups = {label: {g for g, name in train if name == label} for _, label in train}
        assert min(len(members) for members in groups.values()) < 2 or len(groups) > 1
        return
    assert set(sides) == {group for group, _, _ in cells}
    assert all((side == "test") == group.startswith("test/") for group, side in sides.items())
    for label in {name for _, name in train}:
        assert {sides[f"train/{group}"] for group, name in train if name == label} == {"train", "val"}
    assert official(list(reversed(cells)), seed) == sides


def test_official_uses_an_eighth_of_train_for_validation() -> None:
    """Of 80 groups in TRAIN, 10 become validation; with a validation share of 0 all are train."""
    cells = [(f"g{i}", "a", "train") for i in range(80)] + [(f"t{i}", "a", "test") for i in range(7)]
    assert Counter(official(cells, 0).values()) == {"train": 70, "val": 10, "test": 7}
    assert Counter(official(cells, 0, (0.8, 0.0, 0.2)).values()) == {"train": 80, "test": 7}
    assert official(cells, 0) != official(cells, 1)


def test_official_refuses_overlapping_or_single_groups() -> None:
    """A group in both TRAIN and TEST, and a class with a single group in TRAIN, are errors that name it."""
    with pytest.raises(UserError, match="group 'g' is in TRAIN and in TEST"):
        official([("g", "a", "train"), ("g", "a", "test")], 0)
    with pytest.raises(UserError, match="'a' has 1 group .* official needs 2, one for each of train, val"):
        official([("g", "a", "train"), ("t", "a", "test")], 0)


def test_poster_has_the_number_of_test_images_of_the_poster() -> None:
    """A fifth of 12,515 images is the 2,503 that the poster was tested on; validation is an eighth of the rest."""
    sides = Counter(poster([f"{i}.jpg" for i in range(12515)], seed=0).values())
    assert sides == {"test": 2503, "val": 1252, "train": 8760}


@COMMON
@given(names=st.lists(st.text("abc", min_size=1), unique=True, max_size=60), seed=st.integers(0, 99))
def test_poster_splits_any_set(names: list[str], seed: int) -> None:
    """Each image is in one split whatever the order and repeats, no split is empty; too few images are an error."""
    if len(names) < 3:
        with pytest.raises(UserError, match="are too few for 3 splits"):
            poster(names, seed)
        return
    sides = poster(names, seed)
    assert set(sides) == set(names)
    assert set(sides.values()) == {"train", "val", "test"}
    assert poster(list(reversed(names)) + names, seed) == sides


@pytest.mark.parametrize("shares", [(0.5, 0.1, 0.1), (1.2, -0.4, 0.2), (0.0, 0.5, 0.5), (0.9, 0.1, 0.0)])
def test_shares_must_add_up_to_one(shares: tuple[float, float, float]) -> None:
    """Shares that do not add up to 1, are negative, or leave train or test empty are refused."""
    with pytest.raises(UserError, match="splits"):
        poster(["a", "b", "c"], 0, shares)
