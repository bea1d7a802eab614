"""Tests of `edgewbc runs`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.colored import make_manifest
from tests.tiny_run import quantized, trained

Run = Callable[..., Any]
RECIPE = """name: tiny
weights: none
model: {width: 0.125, head: [8], input: {height: 32, width: 32}}
fit: {epochs: 2, batch: 10, precision: f32}
"""


def test_runs(edgewbc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two trainings are listed and compared; each has its figures, confusion matrix and a line with the time left."""
    monkeypatch.chdir(tmp_path)
    ran = edgewbc("runs")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    make_manifest(tmp_path / "cells", 4).write(tmp_path / "manifests" / "m")
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    ran = edgewbc("train", "--recipe", "tiny.yaml", "--track", "tensorboard")
    assert ran.code == 0, ran.err
    assert "left\nepoch 2" in ran.err
    assert edgewbc("train", "--recipe", "tiny.yaml", "--set", "fit.epochs=1", "--set", "fit.lr=1e-3").code == 0
    files = {path.name for path in (tmp_path / "runs" / "tiny").iterdir()}
    assert {"curves.png", "confusion.png", "confusion.json", "tracking"} <= files
    counts = json.loads((tmp_path / "runs/tiny/confusion.json").read_text())["counts"]
    rows = json.loads(edgewbc("runs", "--json").out)
    assert [(Path(row["run"]).name, row["step"], row["data"], row["epochs"]) for row in rows] == [
        ("tiny-2", "train", "m", 1),
        ("tiny", "train", "m", 2),
    ]
    assert sum(counts[i][i] for i in range(len(counts))) == rows[1]["best"]["val_correct"]
    assert "tiny-2" in edgewbc("runs").out
    table = edgewbc("runs", "compare", "runs/tiny", "runs/tiny-2").out
    assert any(line.split() == ["fit.lr", "0.0001", "0.001"] for line in table.splitlines())
    assert any(line.split() == ["fit.epochs", "2", "1"] for line in table.splitlines())
    assert "fit.batch" not in table
    assert "NOTE" not in table
    assert edgewbc("runs", "compare", "runs/tiny").code == 2
    assert edgewbc("runs", "compare", "runs/tiny", "manifests").code == 2
    assert edgewbc("runs", "draw", "runs/tiny").out.count("png") == 2


def test_a_quantized_run_is_compared_with_its_parent(
    edgewbc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured is the saved int8 file; keys of a recipe that it does not have are no difference."""
    monkeypatch.chdir(tmp_path)
    run, manifest = quantized()
    shutil.copytree(run, tmp_path / "runs/tiny-int8")
    shutil.copytree(trained()[0], tmp_path / "runs/tiny")
    started = {"manifest": "/elsewhere/manifests/discs", "manifest_sha256": manifest.sha256}
    (tmp_path / "runs/tiny/started.json").write_text(json.dumps(started))
    rows = {Path(row["run"]).name: row for row in json.loads(edgewbc("runs", "--json").out)}
    found = rows["tiny-int8"]["result"]
    assert (found["of"], found["n"], found["correct"], found["accuracy"]) == ("openvino int8", 20, 20, 1.0)
    assert [row["data"] for row in rows.values()] == ["discs", "discs"]
    table = edgewbc("runs", "compare", "runs/tiny", "runs/tiny-int8").out
    assert any(line.split()[-3:] == ["20", "of", "20"] for line in table.splitlines())
    assert "weights" not in table
    (tmp_path / "runs/tiny-int8/quantize.json").write_text('{"validation": [{"precision": "int8"}]}')
    ran = edgewbc("runs")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "quantize.json: damaged" in ran.err
