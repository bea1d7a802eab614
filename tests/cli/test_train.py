"""Tests of `edgewbc train`."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.cli.training_progress import TrainingProgress
from edgewbc.train import lr_finder
from edgewbc.train.history import EpochResult
from tests.colored import make_manifest

RECIPE = """name: tiny
weights: none
model: {width: 0.125, head: [8], input: {height: 32, width: 32}}
fit: {epochs: 1, batch: 10, precision: f32}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a tiny manifest and a recipe."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGEWBC_DATA", raising=False)
    make_manifest(tmp_path / "cells", 4).write(tmp_path / "manifests" / "m")
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    return tmp_path


def test_json_output(edgewbc: Callable[..., Any], here: Path) -> None:
    """With --json, stdout is one object that names the run; stderr has a line per epoch."""
    ran = edgewbc("train", "--recipe", "tiny.yaml", "--json")
    assert ran.code == 0, ran.err
    result = json.loads(ran.out)
    assert (here / result["run"] / "model.safetensors").is_file()
    assert result["best"]["val_n"] == 10
    assert re.search(r"validation accuracy \d+\.\d\d% \(\d+ of 10, protocol grouped\), \d+ s$", ran.err, re.MULTILINE)
    assert "manifests/m (the newest manifest here)" in ran.err.replace("\\", "/")


def test_interrupted_training_says_how_to_resume(
    edgewbc: Callable[..., Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C in the second epoch, stderr has the command that resumes the run, and it does."""
    report = TrainingProgress.report

    def interrupted(shown: TrainingProgress, result: EpochResult) -> None:
        report(shown, result)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(TrainingProgress, "report", interrupted)
        ran = edgewbc("train", "--recipe", "tiny.yaml", "--set", "fit.epochs=2")
    assert ran.code == 130
    assert "resume with: edgewbc train --resume runs/tiny" in ran.err.replace("\\", "/")
    assert edgewbc("eval", "runs/tiny").err.endswith(
        "runs/tiny: is not finished (it has no model.safetensors): finish it with --resume, or make a new run\n"
    )
    changed = edgewbc("train", "--resume", "runs/tiny", "--set", "fit.epochs=3")
    assert changed.code == 2
    assert "--set: runs/tiny is resumed as it was started (runs/tiny/recipe.yaml): leave --set out" in changed.err
    again = edgewbc("train", "--resume", "runs/tiny")
    assert again.code == 0, again.err
    assert (again.err.count("epoch 1:"), again.err.count("epoch 2:")) == (0, 1)


def test_resume_finds_the_manifest_by_its_hash(
    edgewbc: Callable[..., Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moved manifest is found by its hash, beside a newer one; if it is nowhere, one line names where it was."""

    def interrupted(shown: TrainingProgress, result: EpochResult) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(TrainingProgress, "report", interrupted)
        assert edgewbc("train", "--recipe", "tiny.yaml", "--set", "fit.epochs=2").code == 130
    (here / "manifests" / "m").rename(here / "away")
    make_manifest(here / "others", 4, seed=5).write(here / "manifests" / "newer")
    (here / "away").rename(here.parent / f"{here.name}-away")
    ran = edgewbc("train", "--resume", "runs/tiny")
    assert ran.code == 2
    assert re.search(r"runs/tiny: the manifest .* was not found; it was in .*m: name its folder with --data", ran.err)
    (here.parent / f"{here.name}-away").rename(here / "manifests" / "moved")
    ran = edgewbc("train", "--resume", "runs/tiny")
    assert ran.code == 0, ran.err
    assert "data: manifests/moved (the manifest that runs/tiny was started on)" in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "nothing"], "nothing: no such recipe"),
        (
            ["--recipe", "tiny.yaml", "--set", "fit.epocs=3"],
            "--set fit.epocs: no such key; did you mean fit.epochs?",
        ),
        (["--recipe", "tiny.yaml", "--weights", "absent.safetensors"], "absent.safetensors: no such file"),
        (
            ["--recipe", "tiny.yaml", "--weights-scaling", "linear"],
            "--weights-scaling: linear: Input should",
        ),
        (["--recipe", "tiny.yaml", "--data", "absent"], "absent: not a manifest"),
        (["--resume", "absent"], "absent: no such run folder"),
    ],
)
def test_errors_are_one_line(edgewbc: Callable[..., Any], here: Path, arguments: list[str], message: str) -> None:
    """Invalid input has exit code 2 and an error of one line, and leaves no run folder."""
    ran = edgewbc("train", *arguments)
    assert ran.code == 2
    assert message in ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err
    assert not (here / "runs").exists()


def test_seeds(edgewbc: Callable[..., Any], here: Path) -> None:
    """A run for each seed, mean and spread; the same command keeps what is finished, and refuses another recipe."""
    ran = edgewbc("train", "--recipe", "tiny.yaml", "--seeds", 2, "--to", "series", "--json")
    assert ran.code == 0, ran.err
    result = json.loads(ran.out)
    assert [each["seed"] for each in result["runs"]] == [0, 1]
    values = [each["best"]["val_accuracy"] for each in result["runs"]]
    assert result["val_accuracy"]["mean"] == pytest.approx(sum(values) / 2)
    assert result["val_accuracy"]["deviation"] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    assert json.loads((here / "series-seeds.json").read_text())["runs"] == result["runs"]
    again = edgewbc("train", "--recipe", "tiny.yaml", "--seeds", 2, "--to", "series")
    assert "2 seeds, protocol grouped: validation" in again.out
    assert "epoch 1:" not in again.err
    other = edgewbc("train", "--recipe", "tiny.yaml", "--seeds", 2, "--to", "series", "--set", "fit.lr=0.1")
    assert (other.code, "is a run of another recipe" in other.err) == (2, True)


def test_find_lr(edgewbc: Callable[..., Any], here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finder prints its curve and a suggestion, and writes nothing."""
    monkeypatch.setattr(lr_finder, "STEPS", 12)
    ran = edgewbc("train", "--recipe", "tiny.yaml", "--find-lr")
    assert ran.code == 0, ran.err
    assert re.search(r"try: --set fit.lr=\d\.\de-?\d+$", ran.out.strip())
    assert not (here / "runs").exists()
    assert edgewbc("train", "--recipe", "tiny.yaml", "--find-lr", "--seeds", 2).code == 2
