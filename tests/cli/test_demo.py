"""Tests of `edgewbc demo`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.cases.case import Case
from edgewbc.cells import CLASSES
from edgewbc.cli import demo
from edgewbc.utils.browser import find_browser
from tests.bench.conftest import measure_in_this_process
from tests.conftest import Ran
from tests.review.cases import make_case


@pytest.mark.slow
def test_demo_runs_the_whole_workflow(
    edgewbc: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It creates a bundle, a benchmark with its report page, and a result row for each cell that it drew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "FIELDS", 3)
    measure_in_this_process(monkeypatch)
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
    benchmark = json.loads((tmp_path / result["bench"]).read_text())
    done = {(row["backend"], row["precision"]) for row in benchmark["rows"] if "error" not in row}
    assert {("openvino", "int8"), ("onnx", "int8"), ("torch", "f32"), ("openvino", "f32")} <= done
    assert all(row["n"] == 20 for row in benchmark["rows"] if "error" not in row)
    assert "</html>" in (tmp_path / result["report"]).read_text(encoding="utf-8")
    assert "Differential blood count: demo" in (tmp_path / result["case_report"]).read_text(encoding="utf-8")
    cells = Case.read(tmp_path / result["case"]).cells()
    assert len(cells) > len({cell.image for cell in cells}) > 1  # several in a field
    assert all(cell.open or cell.excluded for cell in cells)
    assert all((tmp_path / path).read_bytes()[:4] == b"\x89PNG" for path in result["screenshots"])


def test_a_screenshot_of_the_review_page_shows_its_cells(tmp_path: Path) -> None:
    """A page that could not reach its server, or was drawn before its scripts ran, would have few colors."""
    if find_browser() is None:
        pytest.skip("there is no Chromium, Chrome or Edge on this computer")
    folder, sheet = make_case(tmp_path / "case", 24), tmp_path / "case.html"
    sheet.write_text("<!doctype html><p>report", encoding="utf-8")
    assert demo._screenshots(folder, sheet) == [tmp_path / "case.png", tmp_path / "review.png"]
    drawn = cv2.imread(str(tmp_path / "review.png"))
    assert drawn is not None
    assert drawn.shape == (720, 1280, 3)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 5_000


def test_without_a_browser_the_demo_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edgewbc.utils.browser.find_browser", lambda: None)
    assert demo._screenshots(tmp_path / "case", tmp_path / "case.html") == []
    assert "no screenshot of the review page" in capsys.readouterr().err


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
