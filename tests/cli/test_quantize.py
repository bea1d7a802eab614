"""Tests of `edgewbc quantize`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_run import trained


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with one finished run and the manifest that it was trained on."""
    run, manifest = trained()
    shutil.copytree(run, tmp_path / "runs" / "tiny")
    manifest.write(tmp_path / "manifests" / "colored")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_newest_run_is_quantized_by_default(edgewbc: Callable[..., Any], workspace: Path) -> None:
    """stdout is one JSON object; stderr names the run; a second call quantizes the same run again."""
    ran = edgewbc("quantize", "--int8", "--subset", 10, "--json")
    assert (ran.code, ran.err.splitlines()[0]) == (0, "run: runs/tiny (the newest)")
    result = json.loads(ran.out)
    assert result["run"] == "runs/tiny-int8"
    assert (result["calibration"]["n"], [row["n"] for row in result["validation"]]) == (10, [20] * 4)
    assert (workspace / "runs" / "tiny-int8" / "openvino" / "int8.xml").is_file()
    os.utime(workspace / "runs" / "tiny" / "lineage.json", (1, 1))
    again = edgewbc("quantize", "--subset", 10, "--seed", 4)
    assert (again.code, again.err.splitlines()[0]) == (0, "run: runs/tiny (the newest)")
    assert "run: runs/tiny-int8-2" in again.err
    assert again.out.splitlines()[0].split("  ")[0] == "saved file"
    assert len(again.out.splitlines()) == 5
    assert "onnx int8" in again.out
    assert "5 of 5" in again.out
    refused = edgewbc("quantize", "runs/tiny-int8")
    assert refused.code == 2
    assert refused.err.endswith("is quantized already: quantize the run that it was made from (tiny)\n")


def test_checks_are_printed_and_recorded(edgewbc: Callable[..., Any], workspace: Path) -> None:
    """--sensitivity and --check-isa print a table each, and are recorded; the lineage has the ISA check."""
    ran = edgewbc("quantize", "--safe", "--subset", 5, "--sensitivity", "--check-isa")
    assert ran.code == 0
    files, layers, machines = ran.out.split("\n\n")
    assert len(files.splitlines()) == 5
    assert (len(layers.splitlines()), layers.splitlines()[-1].startswith("all of them")) == (8, True)
    record = json.loads((workspace / "runs" / "tiny-int8" / "quantize.json").read_text())
    assert record["settings"]["overflow_fix"] == "all"
    assert len(record["sensitivity"]["layers"]) == 5
    same = record["isa"]["same_isa"]
    assert ("nothing was compared" in machines, "same label on" in machines) == (same, not same)
    assert json.loads((workspace / "runs" / "tiny-int8" / "lineage.json").read_text())["isa"] == record["isa"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs/none"], "runs/none: not a run folder"),
        (["--subset", "0"], "--subset 0: use 1 or more images"),
        (["--max-drop", "2"], "--max-drop 2.0: use a share from 0 to 1"),
        (["--preset", "fast"], "--preset fast: use mixed or performance"),
        (["--overflow-fix", "some"], "--overflow-fix some: use first, all, none"),
        (["--safe", "--overflow-fix", "none"], "--safe means --overflow-fix all: remove --overflow-fix none"),
        (["--teacher", "runs/tiny"], "--teacher: only for quantization-aware fine-tuning: add --qat"),
        (["--qat", "--set", "fit.precision=bf16"], "fit.precision must be f32"),
        (["--qat", "--sensitivity"], "--sensitivity: layers that are fine-tuned together"),
        (["--data", "nowhere"], "nowhere: not a manifest"),
        (["--to", "runs/tiny"], "runs/tiny: exists already"),
    ],
)
def test_errors_are_one_line(edgewbc: Callable[..., Any], workspace: Path, arguments: list[str], words: str) -> None:
    """Invalid input has exit code 2 and an error of one line, prints nothing on stdout and leaves no run."""
    ran = edgewbc("quantize", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[-1].startswith("edgewbc: ")
    assert words in ran.err
    assert sorted(path.name for path in (workspace / "runs").iterdir()) == ["tiny"]


def test_without_any_run(edgewbc: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If there is no run, the error names the command that makes one."""
    monkeypatch.chdir(tmp_path)
    ran = edgewbc("quantize")
    assert ran.code == 2
    assert "edgewbc train" in ran.err


def test_help_has_an_example(edgewbc: Callable[..., Any]) -> None:
    """--help ends with a command line."""
    assert "\n    edgewbc quantize runs/vgg16gap-112-quarter --int8" in edgewbc("quantize", "--help").out
