"""Tests of `edgewbc quantize`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tiny_run import trained


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with one finished run and the manifest that it was fitted to."""
    run, manifest = trained()
    shutil.copytree(run, tmp_path / "runs" / "tiny")
    manifest.write(tmp_path / "manifests" / "coloured")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_newest_run_is_quantized_without_an_argument(edgewbc: Callable[..., object], place: Path) -> None:
    """stdout holds one JSON object; stderr says what was taken; a second call takes the same run again."""
    ran = edgewbc("quantize", "--int8", "--subset", 10, "--json")
    assert (ran.code, ran.err.splitlines()[0]) == (0, "run: runs/tiny (the newest)")
    told = json.loads(ran.out)
    assert told["run"] == "runs/tiny-int8"
    assert (told["calibration"]["n"], [row["n"] for row in told["validation"]]) == (10, [20] * 4)
    assert (place / "runs" / "tiny-int8" / "openvino" / "int8.xml").is_file()
    os.utime(place / "runs" / "tiny" / "lineage.json", (1, 1))
    again = edgewbc("quantize", "--subset", 10, "--seed", 4)
    assert (again.code, again.err.splitlines()[0]) == (0, "run: runs/tiny (the newest)")
    assert "run: runs/tiny-int8-2" in again.err
    assert again.out.splitlines()[0].split("  ")[0] == "saved file"
    assert len(again.out.splitlines()) == 5
    assert "onnx int8" in again.out
    assert "5 of 5" in again.out


def test_checks_are_printed_and_recorded(edgewbc: Callable[..., object], place: Path) -> None:
    """With --sensitivity and --check-isa two more tables; all is in quantize.json, and in the lineage what a bundle
    tells."""
    ran = edgewbc("quantize", "--safe", "--subset", 5, "--sensitivity", "--check-isa")
    assert ran.code == 0
    files, layers, machines = ran.out.split("\n\n")
    assert len(files.splitlines()) == 5
    assert (len(layers.splitlines()), layers.splitlines()[-1].startswith("all of them")) == (8, True)
    record = json.loads((place / "runs" / "tiny-int8" / "quantize.json").read_text())
    assert record["settings"]["overflow_fix"] == "all"
    assert len(record["sensitivity"]["layers"]) == 5
    same = record["isa"]["same_isa"]
    assert ("nothing was compared" in machines, "same label on" in machines) == (same, not same)
    assert json.loads((place / "runs" / "tiny-int8" / "lineage.json").read_text())["isa"] == record["isa"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs/none"], "runs/none: not a run folder"),
        (["--subset", "0"], "--subset 0: use 1 or more pictures"),
        (["--max-drop", "2"], "--max-drop 2.0: use a share from 0 to 1"),
        (["--preset", "fast"], "--preset fast: use mixed or performance"),
        (["--overflow-fix", "some"], "--overflow-fix some: use first, all, none"),
        (["--safe", "--overflow-fix", "none"], "--safe is --overflow-fix all: leave --overflow-fix none out"),
        (["--teacher", "runs/tiny"], "--teacher: is for quantization-aware fine-tuning: add --qat"),
        (["--qat", "--set", "fit.precision=bf16"], "fit.precision must be f32"),
        (["--qat", "--sensitivity"], "--sensitivity: layers that are fine-tuned together"),
        (["--data", "nowhere"], "nowhere: no manifest here"),
        (["--to", "runs/tiny"], "runs/tiny: exists already"),
    ],
)
def test_a_mistake_is_one_line(edgewbc: Callable[..., object], place: Path, arguments: list[str], words: str) -> None:
    """Exit code 2, one line that names the mend, nothing on stdout and nothing left behind."""
    ran = edgewbc("quantize", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[-1].startswith("edgewbc: ")
    assert words in ran.err
    assert sorted(path.name for path in (place / "runs").iterdir()) == ["tiny"]


def test_without_a_run_it_says_how_to_make_one(
    edgewbc: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run here is a user's mistake."""
    monkeypatch.chdir(tmp_path)
    ran = edgewbc("quantize")
    assert ran.code == 2
    assert "edgewbc train" in ran.err


def test_help_has_an_example(edgewbc: Callable[..., object]) -> None:
    """--help ends with a command line that can be copied."""
    assert "\n    edgewbc quantize runs/vgg16gap-112-quarter --int8" in edgewbc("quantize", "--help").out
