"""Audits of the data sets as tables, from `audit-*.json` and `labels-*.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgewbc.utils.files import read_json
from edgewbc.utils.text import interval, markdown, percent

AUDITS = "audit-*.json"
LABELS = "labels-*.json"


def table(folder: Path) -> str | None:
    """Return a row for each data set and protocol that was audited; None if there is no audit.

    Raises:
        UserError: a file cannot be read.
        KeyError, TypeError: a file is not an audit.
    """
    found = [one for path in sorted(folder.glob(AUDITS)) for one in read_json(path, "an audit")["audits"]]
    if not found:
        return None
    header = (
        "data", "split", "images", "exact duplicates", "near duplicates", "duplicates with different labels",
        "groups in several splits", "test images with their group in train",
    )  # fmt: skip
    return markdown(header, [_row(one) for one in found], numbers=(2, 3, 4, 5, 6, 7))


def _row(one: Mapping[str, Any]) -> Sequence[str]:
    counts = one["counts"]
    near = "not searched" if counts["near_duplicates"] is None else _pairs(counts["near_duplicates"])
    return [
        one["source"],
        f"`{one['protocol']}`",
        f"{one['pictures']:,}",
        _pairs(counts["exact_duplicates"]),
        near,
        str(counts["conflicting_labels"]),
        f"{one['groups_on_several_sides']['n']} of {one['groups']:,}",
        f"{one['test']['seen_in_train']:,} of {one['test']['n']:,}",
    ]


def label_table(folder: Path) -> str | None:
    """Return a row for each data set whose labels were audited; None if there is none.

    Raises:
        UserError: a file cannot be read.
        KeyError, TypeError: a file is not an audit of labels.
    """
    found = [read_json(path, "an audit of labels") for path in sorted(folder.glob(LABELS))]
    if not found:
        return None
    header = ("data", "cells", "features", "out-of-fold accuracy", "flagged", "label -> suggested")
    return markdown(header, [_labels(one) for one in found], numbers=(1, 3, 4))


def _labels(one: Mapping[str, Any]) -> Sequence[str]:
    scored = one["out_of_fold"]
    pairs = [f"{pair['n']} {pair['given']} -> {pair['suggested']}" for pair in one["pairs"]]
    return [
        one["source"],
        f"{scored['n']:,}",
        one["features"]["network"],
        f"{percent(scored['accuracy'])} ({interval(scored['interval'], 1)})",
        str(one["flagged"]),
        ", ".join(pairs[:3]) + (f" and {len(pairs) - 3} other" if len(pairs) > 3 else ""),
    ]


def _pairs(count: int) -> str:
    return "none" if not count else f"{count} pair{'s' * (count != 1)}"
