"""The protocols that draw a split: poster, grouped and official (see `data.manifest.Protocol`)."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from edgewbc.data.manifest import SPLITS, Split
from edgewbc.errors import UserError

FRACTIONS: Final = (0.7, 0.1, 0.2)
"""Shares of train, val and test."""

CROSS_VALIDATION: Final = "cross-validation"
"""What assigns groups to folds, in error messages."""

_TRIES = 16  # shuffles, of which the one with the most even result is used

S = TypeVar("S", bound=str)
"""A part that groups are assigned to: a split, or a fold."""

Counts = Mapping[str, Mapping[str, int]]
"""Number of cells by group and label."""


def check_fractions(fractions: tuple[float, float, float]) -> None:
    """Raise UserError unless the three shares add up to 1 and those of train and test are not 0."""
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise UserError(f"splits {fractions}: expected three shares (train, val, test) that add up to 1")
    if fractions[0] == 0 or fractions[2] == 0:
        raise UserError(f"splits {fractions}: the shares of train and test must not be 0")


def poster(images: Sequence[str], seed: int, fractions: tuple[float, float, float] = FRACTIONS) -> dict[str, Split]:
    """Divide images at random; all cells of an image are in the same split.

    Args:
        images: paths, in any order; repeats are allowed.
        seed: seed of the shuffle; together with the set of paths it determines the result.
        fractions: shares of train, val and test. Test gets `round(n * fraction)`: 2,503 of the poster's 12,515.

    Returns:
        split by path.

    Raises:
        UserError: there are fewer images than splits.
    """
    check_fractions(fractions)
    names = sorted(set(images))
    needed = sum(share > 0 for share in fractions)
    if len(names) < needed:
        raise UserError(f"{len(names)} images are too few for {needed} splits: add more images")
    random.Random(seed).shuffle(names)  # noqa: S311 - a reproducible split, not a secret
    test = max(1, round(len(names) * fractions[2]))
    rest = len(names) - test
    val = max(1, round(rest * fractions[1] / (fractions[0] + fractions[1]))) if fractions[1] else 0
    test, val = (test, val) if test + val < len(names) else (1, min(val, 1))
    order = [Split.TEST] * test + [Split.VAL] * val + [Split.TRAIN] * (len(names) - test - val)
    return dict(zip(names, order, strict=True))


def grouped(
    cells: Sequence[tuple[str, str]], seed: int, fractions: tuple[float, float, float] = FRACTIONS
) -> dict[str, Split]:
    """Divide whole groups, so that the share of each class in each split is close to the requested one.

    Iterative stratification (Sechidis et al., ECML PKDD 2011) over groups: the class with the fewest groups is assigned
    first, each group to the split that lacks most of that class. Of several shuffles the most even result is used.

    Args:
        cells: (group, label) of each cell, in any order.
        seed: seed of the shuffles; together with the set of cells it determines the result.
        fractions: shares of train, val and test, in cells.

    Returns:
        split by group. Every class is in every split that has a share.

    Raises:
        UserError: a class has too few groups to be in every split.
    """
    check_fractions(fractions)
    shares = {side: share for side, share in zip(SPLITS, fractions, strict=True) if share > 0}
    return _divide(cells, seed, shares, "grouped")


def official(
    cells: Sequence[tuple[str, str, str]], seed: int, fractions: tuple[float, float, float] = FRACTIONS
) -> dict[str, Split]:
    """Keep TEST as it is, and take validation from TRAIN by whole groups as `grouped` does.

    Args:
        cells: (group, label, `train` or `test` as the data set has it), in any order.
        seed: seed of the shuffles; together with the set of cells it determines the result.
        fractions: shares of train, val and test. Validation gets `val / (train + val)` of TRAIN; the share of test is
            not used.

    Returns:
        split by group. Every class of TRAIN is in validation too, unless its share is 0.

    Raises:
        UserError: a group is in both TRAIN and TEST, or a class has too few groups to be in train and val.
    """
    check_fractions(fractions)
    came: dict[str, str] = {}
    for group, _, side in cells:
        if came.setdefault(group, side) != side:
            raise UserError(f"group {group!r} is in TRAIN and in TEST: use the protocol grouped")
    rest = [(group, label) for group, label, side in cells if side != "test"]
    share = fractions[1] / (fractions[0] + fractions[1])
    carved = dict.fromkeys((group for group, _ in rest), Split.TRAIN)
    if share and rest:
        carved = _divide(rest, seed, {Split.TRAIN: 1 - share, Split.VAL: share}, "official")
    return {group: Split.TEST if side == "test" else carved[group] for group, side in came.items()}


def folds(
    cells: Sequence[tuple[str, str]], count: int, seed: int, val: float = FRACTIONS[1] / (1 - FRACTIONS[2])
) -> list[dict[str, Split]]:
    """Divide whole groups into folds for cross-validation: each group is in test once, each class in every fold.

    Args:
        cells: (group, label) of each cell, in any order.
        count: number of folds, at least 2.
        seed: seed of the shuffles; together with the set of cells it determines the result.
        val: share of the cells outside of the test fold that is taken for validation, by whole groups; more than 0.

    Returns:
        split by group, for each fold.

    Raises:
        UserError: a class has too few groups.
    """
    names = [f"fold {number}" for number in range(1, count + 1)]
    parts = _divide(cells, seed, dict.fromkeys(names, 1 / count), CROSS_VALIDATION)
    found = []
    for name in names:
        rest = [(group, label) for group, label in cells if parts[group] != name]
        inner = _divide(rest, seed, {Split.TRAIN: 1 - val, Split.VAL: val}, CROSS_VALIDATION)
        found.append({group: Split.TEST if part == name else inner[group] for group, part in parts.items()})
    return found


def _divide(cells: Sequence[tuple[str, str]], seed: int, shares: Mapping[S, float], protocol: str) -> dict[str, S]:
    """Return the split by group, the most even of several assignments. Raises UserError as `grouped` does."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, label in sorted(cells):  # sums of fractions depend on the order of their terms
        counts[group][label] += 1
    groups_of = Counter(label for group in counts.values() for label in group)
    for label, number in sorted(groups_of.items()):
        if number < len(shares):
            crossed = protocol == CROSS_VALIDATION
            remedy = (
                "add more groups, or make fewer folds with --folds"
                if crossed
                else "add more groups, leave the class out with --classes, or take all for evaluation with --protocol "
                "external"
            )
            each = "" if crossed else f", one for each of {', '.join(shares)}"
            raise UserError(
                f"class {label!r} has {number} group{'s' * (number != 1)} (slide, patient or image), but {protocol} "
                f"needs {len(shares)}{each}: {remedy}"
            )
    shuffler = random.Random(seed)  # noqa: S311 - a reproducible split, not a secret
    best: tuple[float, dict[str, S]] | None = None
    missing = ""
    for _ in range(_TRIES):
        order = sorted(counts)
        shuffler.shuffle(order)
        sides, failed = _assign(order, counts, groups_of, shares)
        if failed:
            missing = failed
            continue
        uneven = _unevenness(sides, counts, shares)
        if best is None or uneven < best[0]:
            best = (uneven, sides)
    if best is None:
        raise UserError(f"class {missing!r}: its groups cannot be divided into {', '.join(shares)}: add more groups")
    return best[1]


def _totals(counts: Counts) -> Counter[str]:
    """Return the number of cells by label."""
    totals: Counter[str] = Counter()
    for group in counts.values():
        totals.update(group)
    return totals


def _assign(
    order: Sequence[str], counts: Counts, groups_of: Mapping[str, int], shares: Mapping[S, float]
) -> tuple[dict[str, S], str]:
    """Assign groups to splits. Returns the split by group, and a class that a split lacks (empty if there is none)."""
    lacks = {side: {label: share * n for label, n in _totals(counts).items()} for side, share in shares.items()}
    sides: dict[str, S] = {}
    for label in sorted(groups_of, key=lambda name: (groups_of[name], name)):
        without = set(shares) - {sides[group] for group in counts if group in sides and label in counts[group]}
        mine = [group for group in order if group not in sides and label in counts[group]]
        for i, group in enumerate(mine):
            # The last groups of a class go to the splits that still lack it.
            open_to = [s for s in shares if s in without] if len(mine) - i <= len(without) else list(shares)
            side = max(open_to, key=lambda s: (lacks[s][label], sum(lacks[s].values())))
            sides[group] = side
            without.discard(side)
            for other, n in counts[group].items():
                lacks[side][other] -= n
        if without:
            return sides, label
    return sides, ""


def _unevenness(sides: Mapping[str, S], counts: Counts, shares: Mapping[S, float]) -> float:
    """Return the sum over splits and classes of the differences between actual and requested share of cells."""
    totals = _totals(counts)
    found: Counter[tuple[str, str]] = Counter()
    for group, side in sides.items():
        for label, n in counts[group].items():
            found[side, label] += n
    return sum(abs(found[side, name] / n - share) for side, share in shares.items() for name, n in totals.items())
