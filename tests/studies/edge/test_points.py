"""bench.edge.points: the points of the search and their order."""

from __future__ import annotations

from math import ceil, log2

from hypothesis import given
from hypothesis import strategies as st

from bench.edge.points import FAMILIES, RIVALS, SIZES, Point, points, recipe_of, search
from edgewbc.cells import CLASSES


@given(count=st.integers(0, 40), data=st.data())
def test_bisection_finds_the_cheapest(count: int, data: st.DataObject) -> None:
    """The first point that passes is found with a logarithmic number of evaluations, each point at most once."""
    first = data.draw(st.integers(0, count))
    line = [Point("edgenet", size, 1.0) for size in range(count)]
    evaluated = []

    def holds(point: Point) -> bool:
        evaluated.append(point)
        return point.size >= first

    assert search(line, holds) == (line[first] if first < count else None)
    assert len(evaluated) == len(set(evaluated)) <= ceil(log2(count + 1))


def test_points_are_ordered_by_cost() -> None:
    """Each size and share of a family occurs once; at the same share, smaller inputs come first."""
    for family, (sizes, keeps) in FAMILIES.items():
        found = points(family, CLASSES)
        assert len(set(found)) == len(found) == len(sizes) * len(keeps)
        for keep in keeps:
            assert [point.size for point in found if point.keep == keep] == sorted(sizes)
        for size in sizes:
            assert [point.keep for point in found if point.size == size] == sorted(keeps)


def test_recipe_of_a_point() -> None:
    """Input size, share and widths reach the recipe; an edgenet becomes narrower in multiples of 16."""
    assert recipe_of(Point("vgg16gap", 80, 0.05)).keep_macs == 0.05
    whole = recipe_of(Point("vgg16gap", 80, 1.0))
    assert (whole.model.arch, whole.model.input.height, whole.model.input.width) == ("vgg16gap", 80, 80)
    narrow = recipe_of(Point("edgenet", 96, 0.25)).model
    assert narrow.input.height == 96
    assert narrow.channels == ("/", 16, "/", 16, 16, "/", 32, 32, "/", 64, 64)
    assert recipe_of(Point("lite0", 64, 1.0)).model.arch == "efficientnet-lite0"


def test_rivals_are_unpruned_at_every_size() -> None:
    """No rival is missing from the figure because another point of its family was cheaper."""
    assert [(point.size, point.pruned) for point in RIVALS] == [(size, False) for size in SIZES]


def test_keys_tell_points_apart() -> None:
    """Keys are unique; they are used as folder names."""
    assert Point("vgg16gap", 80, 0.05).key == "vgg16gap-80-5"
    assert Point("lite0", 112, 1.0).key == "lite0-112-100"
    assert Point("vgg16gap", 80, 0.05).pruned
    assert not Point("edgenet", 80, 0.5).pruned
    assert not Point("lite0", 80, 1.0).pruned
