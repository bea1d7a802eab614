"""bench.audits_report: the results of audits as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import audits_report
from edgewbc.utils.files import write_json

COUNTS = {"exact_duplicates": 8, "near_duplicates": 1, "conflicting_labels": 0}
ONE: dict[str, Any] = {
    "source": "pbc", "protocol": "published", "pictures": 8746, "groups": 8738,
    "counts": COUNTS,
    "groups_on_several_sides": {"n": 1}, "test": {"n": 1547, "seen_in_train": 1},
}  # fmt: skip


def test_one_row_per_audit(tmp_path: Path) -> None:
    """Each audit of each file is a row; a search that was not made is stated."""
    near = ONE | {"protocol": "grouped", "counts": COUNTS | {"exact_duplicates": 0, "near_duplicates": None}}
    write_json(tmp_path / "audit-pbc.json", {"audits": [ONE, near]})
    lines = (audits_report.table(tmp_path) or "").splitlines()
    assert lines[2] == "| pbc | `published` | 8,746 | 8 pairs | 1 pair | 0 | 1 of 8,738 | 1 of 1,547 |"
    assert lines[3] == "| pbc | `grouped` | 8,746 | none | not searched | 0 | 1 of 8,738 | 1 of 1,547 |"


def test_no_table_without_audits(tmp_path: Path) -> None:
    """Without audits in the folder there is no table."""
    assert audits_report.table(tmp_path) is None


def test_labels_by_pair(tmp_path: Path) -> None:
    """Flags are counted by pair of classes, the three most frequent first."""
    pairs = [{"given": "a", "suggested": b, "n": 5 - i} for i, b in enumerate("bcde")]
    scored = {"n": 351, "accuracy": 0.866, "interval": [0.826, 0.898]}
    one = {"source": "bccd", "features": {"network": "x"}, "out_of_fold": scored, "flagged": 14}
    write_json(tmp_path / "labels-a.json", one | {"pairs": pairs})
    write_json(tmp_path / "labels-b.json", one | {"pairs": pairs[:1]})
    lines = (audits_report.label_table(tmp_path) or "").splitlines()
    assert lines[2] == ("| bccd | 351 | x | 86.60 % (82.6-89.8 %) | 14 | 5 a -> b, 4 a -> c, 3 a -> d and 1 other |")
    assert lines[3].endswith("| 14 | 5 a -> b |")
