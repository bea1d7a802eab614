"""The summary file: what it holds, where it is, and that it replaces no other file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgewbc import __version__
from edgewbc.errors import UserError
from edgewbc.lab.summary import RunSummary, check_summary_path, summary_path

SETTINGS = {"model_sha256": "ff" * 32, "review_below": {"default": 0.5, "basophil": 1.01}}


def _summary(results: Path | None) -> RunSummary:
    return RunSummary(
        model="tiny",
        settings=SETTINGS,
        differential={"counted": 2},
        statuses={"ok": 2, "review": 1, "unfamiliar": 0, "error": 0},
        first_classified="2026-11-27T23:59:59Z",
        last_classified="2026-11-28T10:00:00Z",
        inputs=["smear\udcff"],
        left_out={".heic": 3},
        results=results,
        results_sha256="ee" * 32,
        journal=Path("rows.csv.journal"),
    )


def test_the_file_is_next_to_the_results(tmp_path: Path) -> None:
    """`cells.csv` has `cells.summary.json`; another suffix stays in the name, so that two outputs do not share one."""
    names = ["cells.csv", "cells.CSV", "smear.v1.csv", "cells.jsonl", "cells"]
    assert [summary_path(Path("d", name)).name for name in names] == [
        "cells.summary.json", "cells.summary.json", "smear.v1.summary.json", "cells.jsonl.summary.json",
        "cells.summary.json",
    ]  # fmt: skip
    path = _summary(tmp_path / "rows.csv").write()
    assert path == tmp_path / "rows.summary.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    assert {name: told[name] for name in ("format", "edgewbc", "images", "inputs", "left_out", "model_sha256")} == {
        "format": 1, "edgewbc": __version__, "images": 3, "inputs": ["smear\udcff"], "left_out": {".heic": 3},
        "model_sha256": "ff" * 32,
    }  # fmt: skip
    assert told["classified"] == {"first": "2026-11-27T23:59:59Z", "last": "2026-11-28T10:00:00Z"}
    assert told["settings"] == SETTINGS
    assert _summary(None).write() is None


def test_people_get_model_threshold_and_dates() -> None:
    """Three lines: with what, when, and what was not looked at."""
    assert _summary(None).lines().splitlines() == [
        f"model: tiny (ffffffffffff), edgewbc {__version__}, review below 0.5, basophil=1.01",
        "classified: 2026-11-27T23:59:59Z to 2026-11-28T10:00:00Z",
        "left out: 3 .heic",
    ]


def test_another_file_is_not_replaced(tmp_path: Path) -> None:
    """A file of that name that is not a summary is refused; an earlier summary is replaced."""
    results = tmp_path / "rows.csv"
    check_summary_path(results)
    _summary(results).write()
    check_summary_path(results)
    for content in ("{}", "[]", "my notes"):
        summary_path(results).write_text(content)
        with pytest.raises(UserError, match=r"rows.summary.json: exists, and is not a summary of edgewbc: give --out"):
            check_summary_path(results)


def test_an_unwritable_summary_is_one_line(tmp_path: Path) -> None:
    """The error names the summary's path."""
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"rows.summary.json: cannot be written"):
        _summary(tmp_path / "file" / "rows.csv").write()
