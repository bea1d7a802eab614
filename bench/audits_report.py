"""Audits of the data sets as tables, from `audit-*.json` and `labels-*.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewbc.metrics import Interval
from edgewbc.utils.files import read_json
from edgewbc.utils.json_values import pair
from edgewbc.utils.text import interval, markdown, percent

AUDITS = "audit-*.json"
LABELS = "labels-*.json"


@dataclass(frozen=True)
class Audit:
    """What the table shows of the audit of a manifest (see `bench.audits`).

    Attributes:
        source, protocol: of the manifest.
        images: number of images (`pictures` in JSON).
        exact_duplicates, near_duplicates: pairs of images; `near_duplicates` is None if they were not searched.
        conflicting_labels: duplicates with different labels.
        groups, groups_in_several_splits: number of groups, and of those in more than one split.
        tested, seen_in_train: number of test images, and of those whose group is in the training split.
    """

    source: str
    protocol: str
    images: int
    exact_duplicates: int
    near_duplicates: int | None
    conflicting_labels: int
    groups: int
    groups_in_several_splits: int
    tested: int
    seen_in_train: int

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Audit:
        """Read an entry that `bench.audits` wrote; KeyError or TypeError if it is none."""
        counts = values["counts"]
        return cls(
            source=values["source"],
            protocol=values["protocol"],
            images=values["pictures"],
            exact_duplicates=counts["exact_duplicates"],
            near_duplicates=counts["near_duplicates"],
            conflicting_labels=counts["conflicting_labels"],
            groups=values["groups"],
            groups_in_several_splits=values["groups_on_several_sides"]["n"],
            tested=values["test"]["n"],
            seen_in_train=values["test"]["seen_in_train"],
        )


@dataclass(frozen=True)
class LabelPair:
    """Number of flagged cells with one label and one suggestion."""

    given: str
    suggested: str
    n: int


@dataclass(frozen=True)
class LabelAudit:
    """What the table shows of the audit of a data set's labels.

    Attributes:
        source: the data set.
        network: whose features the labels were predicted from.
        n, accuracy, interval: number of cells, and the out-of-fold accuracy on them with its 95 % interval.
        flagged: number of cells whose label is most likely wrong.
        pairs: the flagged cells by label and suggestion, most frequent first.
    """

    source: str
    network: str
    n: int
    accuracy: float
    interval: Interval | None
    flagged: int
    pairs: tuple[LabelPair, ...]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> LabelAudit:
        """Read what `edgewbc data labels --json` printed; KeyError or TypeError if it is something else."""
        scored = values["out_of_fold"]
        return cls(
            source=values["source"],
            network=values["features"]["network"],
            n=scored["n"],
            accuracy=scored["accuracy"],
            interval=pair(scored["interval"]),
            flagged=values["flagged"],
            pairs=tuple(LabelPair(**one) for one in values["pairs"]),
        )


def table(folder: Path) -> str | None:
    """Return a row for each data set and protocol that was audited; None if there is no audit.

    Raises:
        UserError: a file cannot be read.
        KeyError, TypeError: a file is not an audit.
    """
    files = [read_json(path, "an audit") for path in sorted(folder.glob(AUDITS))]
    found = [Audit.from_json(one) for file in files for one in file["audits"]]
    if not found:
        return None
    header = (
        "data", "split", "images", "exact duplicates", "near duplicates", "duplicates with different labels",
        "groups in several splits", "test images with their group in train",
    )  # fmt: skip
    return markdown(header, [_row(one) for one in found], numbers=(2, 3, 4, 5, 6, 7))


def _row(one: Audit) -> Sequence[str]:
    return [
        one.source,
        f"`{one.protocol}`",
        f"{one.images:,}",
        _pairs(one.exact_duplicates),
        "not searched" if one.near_duplicates is None else _pairs(one.near_duplicates),
        str(one.conflicting_labels),
        f"{one.groups_in_several_splits} of {one.groups:,}",
        f"{one.seen_in_train:,} of {one.tested:,}",
    ]


def label_table(folder: Path) -> str | None:
    """Return a row for each data set whose labels were audited; None if there is none.

    Raises:
        UserError: a file cannot be read.
        KeyError, TypeError: a file is not an audit of labels.
    """
    found = [LabelAudit.from_json(read_json(path, "an audit of labels")) for path in sorted(folder.glob(LABELS))]
    if not found:
        return None
    header = ("data", "cells", "features", "out-of-fold accuracy", "flagged", "label -> suggested")
    return markdown(header, [_labels(one) for one in found], numbers=(1, 3, 4))


def _labels(one: LabelAudit) -> Sequence[str]:
    pairs = [f"{each.n} {each.given} -> {each.suggested}" for each in one.pairs]
    return [
        one.source,
        f"{one.n:,}",
        one.network,
        f"{percent(one.accuracy)} ({interval(one.interval, 1)})",
        str(one.flagged),
        ", ".join(pairs[:3]) + (f" and {len(pairs) - 3} other" if len(pairs) > 3 else ""),
    ]


def _pairs(count: int) -> str:
    return "none" if not count else f"{count} pair{'s' * (count != 1)}"
