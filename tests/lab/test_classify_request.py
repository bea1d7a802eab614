"""What is refused of a request before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.lab.classify_request import ClassifyRequest, check_outputs, own_files, results_file
from edgewbc.lab.csv_table import CsvStyle
from edgewbc.lab.run_output import ClassifySummary
from tests.lab.test_session import classify, smears

__all__ = ["classify", "smears"]


def test_styles_are_of_csv_only(classify: Callable[..., ClassifySummary], smears: Path) -> None:
    """A style for rows that are written as JSON is refused, and so is a spreadsheet file."""
    for options in ({"out": Path("x.jsonl")}, {"jsonl": True}, {"as_json": True}):
        with pytest.raises(UserError, match="the rows are written as JSON"):
            classify("a", style=CsvStyle.EXCEL, **options)
    with pytest.raises(UserError, match="--csv excel"):
        classify("a", out=Path("x.xlsx"))


def test_the_files_of_a_run(tmp_path: Path) -> None:
    """Table, journal and summary; none of them may be an image of the run, nor the journal an image's name."""
    out = tmp_path / "rows.csv"
    request = ClassifyRequest([tmp_path], out, tmp_path / "own.journal")
    assert own_files(request) == [out, tmp_path / "own.journal", tmp_path / "rows.summary.json"]
    assert own_files(ClassifyRequest([tmp_path])) == []
    assert check_outputs(request, []) == tmp_path / "own.journal"
    assert check_outputs(ClassifyRequest([tmp_path], out), []) == tmp_path / "rows.csv.journal"
    assert check_outputs(ClassifyRequest([tmp_path]), []) is None
    with pytest.raises(UserError, match="rows.summary.json: is where results are written, and cannot be classified"):
        check_outputs(request, [str(tmp_path / "rows.summary.json")])
    with pytest.raises(UserError, match="cell.png: give --journal a file of its own"):
        check_outputs(ClassifyRequest([tmp_path], out, tmp_path / "cell.png"), [])


def test_other_engines_need_a_results_file(tmp_path: Path) -> None:
    """They hand out what is there, and record it."""
    out = tmp_path / "rows.csv"
    assert results_file(ClassifyRequest([tmp_path], out), "ray") == out
    with pytest.raises(UserError, match="--engine ray: needs a results file: give --out"):
        results_file(ClassifyRequest([tmp_path]), "ray")
    with pytest.raises(UserError, match="--engine processes: does not watch folders: leave out --watch"):
        results_file(ClassifyRequest([tmp_path], out, watch=True), "processes")
