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
def test_grouped_puts_every_group_on_one_side_and_every_class_on_all(cells: list[tuple[str, str]], seed: int) -> None:
    """Each group has one of the three sides and each class is on all, or the class that cannot be is named."""
    groups = {label: {g for g, name in cells if name == label} for _, label in cells}
    try:
        sides = grouped(cells, seed)
    except UserError:
        # Only a class with too few slides, or slides that several classes pull to different sides, can be refused.
        assert min(len(members) for members in groups.values()) < 3 or len(groups) > 1
        return
    assert set(sides) == {group for group, _ in cells}
    for members in groups.values():
        assert {sides[group] for group in members} == {"train", "val", "test"}


@COMMON
@given(cells=CELLS, seed=st.integers(0, 1000), order=st.randoms(use_true_random=False))
def test_grouped_does_not_depend_on_the_order(cells: list[tuple[str, str]], seed: int, order) -> None:  # type: ignore[no-untyped-def]
    """The same cells in another order, with the same seed, have the same sides."""
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
    """Two slides cannot be on three sides, however many cells they hold."""
    cells = [(f"s{i}", "neutrophil") for i in range(9)] + [(f"s{i % 2}", "basophil") for i in range(30)]
    with pytest.raises(UserError, match="'basophil' has 2 groups"):
        grouped(cells, seed=0)


def test_grouped_says_so_where_groups_cannot_be_spread() -> None:
    """Classes whose slides pull against one another are an error too, not a class without a test."""
    slides = {"a": "123", "b": "124", "c": "345"}  # 3 and 4 must be on one side for a and b, and apart for c
    with pytest.raises(UserError, match="cannot be divided"):
        grouped([(slide, label) for label, names in slides.items() for slide in names], seed=0)


def test_grouped_without_validation() -> None:
    """A share of 0 leaves that side empty, and two groups are enough."""
    assert set(grouped([("s1", "a"), ("s2", "a")], 0, (0.8, 0.0, 0.2)).values()) == {"train", "test"}


@COMMON
@given(
    train=st.lists(st.tuples(st.integers(0, 25), st.sampled_from(["a", "b"])), min_size=1, max_size=80),
    test=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b"])), max_size=30),
    seed=st.integers(0, 99),
)
def test_official_never_moves_what_is_test(
    train: list[tuple[int, str]], test: list[tuple[int, str]], seed: int
) -> None:
    """TEST is test and all of it; no group of TRAIN is; each class of TRAIN is in train and val, or is named."""
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


def test_official_carves_an_eighth_of_train() -> None:
    """Of 80 groups in TRAIN, 10 become validation; without a share of val all are train."""
    cells = [(f"g{i}", "a", "train") for i in range(80)] + [(f"t{i}", "a", "test") for i in range(7)]
    assert Counter(official(cells, 0).values()) == {"train": 70, "val": 10, "test": 7}
    assert Counter(official(cells, 0, (0.8, 0.0, 0.2)).values()) == {"train": 80, "test": 7}
    assert official(cells, 0) != official(cells, 1)


def test_official_refuses_what_it_cannot_keep() -> None:
    """A group that is in TRAIN and in TEST, and a class of one group in TRAIN, are named."""
    with pytest.raises(UserError, match="group 'g' is in TRAIN and in TEST"):
        official([("g", "a", "train"), ("g", "a", "test")], 0)
    with pytest.raises(UserError, match="'a' has 1 group .* official needs 2, one for each of train, val"):
        official([("g", "a", "train"), ("t", "a", "test")], 0)


def test_poster_takes_the_posters_number() -> None:
    """A fifth of 12,515 images is the 2,503 that the poster was tested on; validation is an eighth of the rest."""
    sides = Counter(poster([f"{i}.jpg" for i in range(12515)], seed=0).values())
    assert sides == {"test": 2503, "val": 1252, "train": 8760}


@COMMON
@given(names=st.lists(st.text("abc", min_size=1), unique=True, max_size=60), seed=st.integers(0, 99))
def test_poster_splits_any_set(names: list[str], seed: int) -> None:
    """Every image has one side, order and repeats do not matter, no side is empty; too few is an error."""
    if len(names) < 3:
        with pytest.raises(UserError, match="are too few for 3 splits"):
            poster(names, seed)
        return
    sides = poster(names, seed)
    assert set(sides) == set(names)
    assert set(sides.values()) == {"train", "val", "test"}
    assert poster(list(reversed(names)) + names, seed) == sides


@pytest.mark.parametrize("shares", [(0.5, 0.1, 0.1), (1.2, -0.4, 0.2), (0.0, 0.5, 0.5), (0.9, 0.1, 0.0)])
def test_shares_must_make_a_whole(shares: tuple[float, float, float]) -> None:
    """Shares that do not add up, are negative, or leave nothing to train or to test on, are refused."""
    with pytest.raises(UserError, match="splits"):
        poster(["a", "b", "c"], 0, shares)
