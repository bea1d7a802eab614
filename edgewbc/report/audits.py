"""What the audits of the data sets found, as tables; from `audit-*.json` and `labels-*.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgewbc.files import read_json
from edgewbc.report.text import markdown

AUDITS = "audit-*.json"


def table(folder: Path) -> str | None:
    """A row for each set and protocol that was audited; None where there is no audit.

    Raises:
        UserError: a file cannot be read.
        KeyError, TypeError: it is not an audit.
    """
    found = [one for path in sorted(folder.glob(AUDITS)) for one in read_json(path, "an audit")["audits"]]
    if not found:
        return None
    header = (
        "data", "split", "pictures", "copies of a picture", "taken twice", "copies labelled differently",
        "originals on two sides", "test pictures with their original in train",
    )  # fmt: skip
    return markdown(header, [_row(one) for one in found], numbers=(2, 3, 4, 5, 6, 7))


def _row(one: Mapping[str, Any]) -> Sequence[str]:
    counts = one["counts"]
    near = "not looked for" if counts["near_duplicates"] is None else _pairs(counts["near_duplicates"])
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


def _pairs(count: int) -> str:
    return "none" if not count else f"{count} pair{'s' * (count != 1)}"
