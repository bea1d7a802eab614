"""Tests of `edgewbc demo`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.cells import CLASSES
from edgewbc.lab.case import Case
from tests.conftest import Ran


@pytest.mark.slow
def test_demo_runs_the_whole_workflow(
    edgewbc: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It creates a bundle, a benchmark with its report page, and a result row for each cell that it drew."""
    monkeypatch.chdir(tmp_path)
    ran = edgewbc("demo", "--to", "d", "--cells", "20", "--seconds", "0.1", "--json")
    assert ran.code == 0, ran.err
    result = json.loads(ran.out)
    bundle = Bundle.open(tmp_path / "d" / "bundle")
    assert bundle.classes == CLASSES
    assert bundle.verify()
    with (tmp_path / result["result"]).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 * 20
    assert {row["model_sha256"] for row in rows} == {bundle.model_sha256()}
    bench = json.loads((tmp_path / result["bench"]).read_text())
    done = {(row["backend"], row["precision"]) for row in bench["rows"] if "error" not in row}
    assert {("openvino", "int8"), ("onnx", "int8"), ("torch", "f32"), ("openvino", "f32")} <= done
    assert all(row["n"] == 20 for row in bench["rows"] if "error" not in row)
    assert "</html>" in (tmp_path / result["report"]).read_text(encoding="utf-8")
    assert "Differential blood count: slide03" in (tmp_path / result["case_report"]).read_text(encoding="utf-8")
    assert len(Case.read(tmp_path / result["case"]).cells()) == 5 * 2


def test_folder_that_is_not_empty_is_refused(edgewbc: Callable[..., Ran], tmp_path: Path) -> None:
    """The error is one line, and the folder is unchanged."""
    (tmp_path / "mine.txt").write_text("x")
    ran = edgewbc("demo", "--to", tmp_path)
    assert ran.code == 2
    assert ran.err.strip().endswith("is not an empty folder: give another --to")
    assert [f.name for f in tmp_path.iterdir()] == ["mine.txt"]


def test_interrupted_step_ends_the_demo(
    edgewbc: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C the exit code is 130; stderr has no stack trace and names the folder with the results."""

    def interrupted(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgewbc.synth.cells.write", interrupted)
    ran = edgewbc("demo", "--to", tmp_path / "d")
    assert (ran.code, ran.out) == (130, "")
    assert "Traceback" not in ran.err
    assert f"all results so far are in {tmp_path / 'd'}" in ran.err
    assert ran.err.splitlines()[-1] == "edgewbc: interrupted"
