"""Protocols: how labelled cells are divided into train, val and test.

`published`: the split that the authors of a data set, or of a benchmark on it, have published.
`official`: the folders TRAIN and TEST in which a set comes; validation is carved from TRAIN by whole groups.
`grouped`: whole groups (original picture, slide or patient), stratified by class. The number a lab may rely on.
`poster`: random over pictures, 20 % of them for test, as the poster has it; copies of one original can be on two sides.
`external`: every picture is test. For sets that are for evaluation only.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from edgewbc.data.manifest import SPLITS
from edgewbc.errors import UserError

PROTOCOLS: Final = ("published", "official", "grouped", "poster", "external")
FRACTIONS: Final = (0.7, 0.1, 0.2)
_TRIES = 16  # shuffles of `grouped`, of which the most even one is taken

Counts = Mapping[str, Mapping[str, int]]
"""Number of cells by group and label."""


def check_fractions(fractions: tuple[float, float, float]) -> None:
    """Raises UserError unless the three are shares of one whole, with something to train on and to test on."""
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise UserError(f"splits {fractions}: give three shares (train, val, test) that add up to 1")
    if fractions[0] == 0 or fractions[2] == 0:
        raise UserError(f"splits {fractions}: train and test both need a share")


def poster(pictures: Sequence[str], seed: int, fractions: tuple[float, float, float] = FRACTIONS) -> dict[str, str]:
    """Split at random over pictures. Every cell of a picture goes where its picture goes.

    Args:
        pictures: their paths, in any order, repeats allowed.
        seed: of the shuffle; with the set of paths it determines the result.
        fractions: of train, val and test. Test is `round(n * fraction)`: 2,503 of the poster's 12,515.

    Returns:
        side by path.

    Raises:
        UserError: there are fewer pictures than sides.
    """
    check_fractions(fractions)
    names = sorted(set(pictures))
    needed = sum(share > 0 for share in fractions)
    if len(names) < needed:
        raise UserError(f"{len(names)} pictures cannot be on {needed} sides: give more pictures")
    random.Random(seed).shuffle(names)  # noqa: S311 - a reproducible split, not a secret
    test = max(1, round(len(names) * fractions[2]))
    rest = len(names) - test
    val = max(1, round(rest * fractions[1] / (fractions[0] + fractions[1]))) if fractions[1] else 0
    test, val = (test, val) if test + val < len(names) else (1, min(val, 1))
    return {name: "test" if i < test else "val" if i < test + val else "train" for i, name in enumerate(names)}


def grouped(
    cells: Sequence[tuple[str, str]], seed: int, fractions: tuple[float, float, float] = FRACTIONS
) -> dict[str, str]:
    """Split by whole groups, so that each class has about the wanted share of its cells on each side.

    Iterative stratification (Sechidis et al., ECML PKDD 2011) over groups: the class with the fewest groups is
    dealt out first, each group to the side that lacks most of that class. Several shuffles are dealt out, and the
    most even result is taken.

    Args:
        cells: (group, label) of each cell, in any order.
        seed: of the shuffles; with the set of cells it determines the result.
        fractions: of train, val and test, in cells.

    Returns:
        side by group. Every class is on every side that has a share.

    Raises:
        UserError: a class has too few groups to be on every side.
    """
    check_fractions(fractions)
    shares = {side: share for side, share in zip(SPLITS, fractions, strict=True) if share > 0}
    return _divided(cells, seed, shares, "grouped")


def official(
    cells: Sequence[tuple[str, str, str]], seed: int, fractions: tuple[float, float, float] = FRACTIONS
) -> dict[str, str]:
    """Leave TEST as it is, and carve validation out of TRAIN by whole groups, as `grouped` does.

    Args:
        cells: (group, label, side in which it comes: train or test), in any order.
        seed: of the carving; with the set of cells it determines the result.
        fractions: of train, val and test. Validation is `val / (train + val)` of TRAIN; the share of test is not used.

    Returns:
        side by group. Every class of TRAIN is in validation too, unless its share is 0.

    Raises:
        UserError: a group comes on both sides, or a class has too few groups to be in train and val.
    """
    check_fractions(fractions)
    came: dict[str, str] = {}
    for group, _, side in cells:
        if came.setdefault(group, side) != side:
            raise UserError(f"group {group!r} comes in TRAIN and in TEST: official cannot mend that, take grouped")
    rest = [(group, label) for group, label, side in cells if side != "test"]
    share = fractions[1] / (fractions[0] + fractions[1])
    carved = dict.fromkeys((group for group, _ in rest), "train")
    if share and rest:
        carved = _divided(rest, seed, {"train": 1 - share, "val": share}, "official")
    return {group: "test" if side == "test" else carved[group] for group, side in came.items()}


def _divided(cells: Sequence[tuple[str, str]], seed: int, shares: Mapping[str, float], protocol: str) -> dict[str, str]:
    """Side by group: the most even of several deals. Raises UserError as `grouped` does."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, label in sorted(cells):  # sums of fractions depend on the order of their terms
        counts[group][label] += 1
    groups_of = Counter(label for group in counts.values() for label in group)
    for label, number in sorted(groups_of.items()):
        if number < len(shares):
            raise UserError(
                f"class {label!r} has {number} group{'s' * (number != 1)} (slide, patient or picture), and {protocol} "
                f"needs {len(shares)}, one for each of {', '.join(shares)}: give more of it, or leave the class out"
            )
    shuffler = random.Random(seed)  # noqa: S311 - a reproducible split, not a secret
    best: tuple[float, dict[str, str]] | None = None
    missing = ""
    for _ in range(_TRIES):
        order = sorted(counts)
        shuffler.shuffle(order)
        sides, failed = _deal(order, counts, groups_of, shares)
        if failed:
            missing = failed
            continue
        uneven = _unevenness(sides, counts, shares)
        if best is None or uneven < best[0]:
            best = (uneven, sides)
    if best is None:
        raise UserError(f"class {missing!r}: its groups cannot be spread over {', '.join(shares)}: give more slides")
    return best[1]


def _totals(counts: Counts) -> Counter[str]:
    totals: Counter[str] = Counter()
    for group in counts.values():
        totals.update(group)
    return totals


def _deal(
    order: Sequence[str], counts: Counts, groups_of: Mapping[str, int], shares: Mapping[str, float]
) -> tuple[dict[str, str], str]:
    """Deal groups out to sides. Returns the side by group, and the class that a side went without ("" if none)."""
    lacks = {side: {label: share * n for label, n in _totals(counts).items()} for side, share in shares.items()}
    sides: dict[str, str] = {}
    for label in sorted(groups_of, key=lambda name: (groups_of[name], name)):
        without = set(shares) - {sides[group] for group in counts if group in sides and label in counts[group]}
        mine = [group for group in order if group not in sides and label in counts[group]]
        for i, group in enumerate(mine):
            # While there are just enough groups left, they go where the class is still missing.
            open_to = [s for s in shares if s in without] if len(mine) - i <= len(without) else list(shares)
            side = max(open_to, key=lambda s: (lacks[s][label], sum(lacks[s].values())))
            sides[group] = side
            without.discard(side)
            for other, n in counts[group].items():
                lacks[side][other] -= n
        if without:
            return sides, label
    return sides, ""


def _unevenness(sides: Mapping[str, str], counts: Counts, shares: Mapping[str, float]) -> float:
    """Sum over sides and classes of how far the share of cells is from the wanted one."""
    totals = _totals(counts)
    found: Counter[tuple[str, str]] = Counter()
    for group, side in sides.items():
        for label, n in counts[group].items():
            found[side, label] += n
    return sum(abs(found[side, name] / n - share) for side, share in shares.items() for name, n in totals.items())
