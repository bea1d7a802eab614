"""The points of the edge study, and the order in which they are tried.

In each family of networks the points (input size, share of multiply-adds kept) are ordered by cost, and bisection finds
the cheapest one that keeps the accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgewbc.utils import resources

SIZES = (112, 96, 80, 64)
FAMILIES = {
    "edgenet": (SIZES, (1.0, 0.5, 0.25, 0.1)),
    "vgg16gap": ((80, 64), (0.25, 0.1, 0.05, 0.02)),
}
"""Families that are searched: input sizes, and the shares of multiply-adds tried at each. VGG16-GAP takes fifteen times
as long to train as the others, and is only tried at the small sizes."""


@dataclass(frozen=True)
class Point:
    """A network to try: its family, input side in pixels, and the share of multiply-adds kept."""

    family: str
    size: int
    keep: float

    @property
    def key(self) -> str:
        return f"{self.family}-{self.size}-{100 * self.keep:g}"

    @property
    def pruned(self) -> bool:
        """Whether it is made by pruning; an edgenet is built narrower instead."""
        return self.keep < 1 and self.family != "edgenet"

    @property
    def unpruned(self) -> Point:
        return Point(self.family, self.size, 1.0)


TEACHER = Point("lite0", 112, 1.0)
RIVALS = tuple(Point("lite0", size, 1.0) for size in SIZES)
"""A standard mobile network, unpruned, at each size: measured for comparison whether it holds or not."""


def search(points: Sequence[Point], holds: Callable[[Point], bool]) -> Point | None:
    """Return the first point that holds, by bisection: of n points at most ceil(log2(n + 1)) are evaluated.

    Args:
        points: cheapest first.
        holds: whether a point keeps the accuracy; assumed to be monotonic in the cost.
    """
    low, high = 0, len(points)
    while low < high:
        middle = (low + high) // 2
        if holds(points[middle]):
            high = middle
        else:
            low = middle + 1
    return points[high] if high < len(points) else None


def points(family: str, classes: tuple[str, ...]) -> list[Point]:
    """Return all points of a family, fewest multiply-adds first."""
    from edgewbc.nets import model

    def cost(point: Point) -> float:
        whole = model.macs(recipe_of(point.unpruned).model.spec(classes))
        return point.keep * whole if point.pruned else model.macs(recipe_of(point).model.spec(classes))

    sizes, keeps = FAMILIES[family]
    return sorted((Point(family, size, keep) for size in sizes for keep in keeps), key=cost)


def recipe_of(point: Point) -> Any:
    """Return the shipped recipe adapted to a point: a `PruneRecipe` if it is pruned, else a `TrainRecipe`."""
    from edgewbc.nets.spec import EDGENET
    from edgewbc.train.recipe import PruneRecipe, TrainRecipe
    from edgewbc.train.recipe_file import read

    folder = resources.folder("recipes") / "edge"
    if point.pruned:
        return read(folder / "prune.yaml", PruneRecipe, {"keep_macs": point.keep})
    changes: dict[str, Any] = {"model.input.height": point.size, "model.input.width": point.size}
    if point.keep < 1:
        narrow = [c if isinstance(c, str) else max(16, 16 * round(c * point.keep**0.5 / 16)) for c in EDGENET]
        changes["model.channels"] = narrow
    return read(folder / f"{point.family}.yaml", TrainRecipe, changes)
