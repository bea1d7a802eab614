"""Tests of `edgewbc eval`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import labeled, tiny


@pytest.fixture
def command(tmp_path: Path) -> list[object]:
    """Return the command that evaluates a tiny bundle on a manifest of ten images."""
    tiny.make_bundle(tmp_path / "b")
    labeled.make_manifest(tmp_path / "m")
    return ["eval", tmp_path / "b", "--data", tmp_path / "m"]


def test_json_has_the_documented_keys(edgewbc: Callable[..., Any], command: list[object]) -> None:
    """stdout has one JSON object with every documented key."""
    ran = edgewbc(*command, "--split", "test", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    documented = (
        "protocol split n correct accuracy interval balanced_accuracy macro_f1 per_class confusion classes "
        "model_sha256 manifest_sha256"
    )
    assert set(documented.split()) <= set(found)
    assert found["n"] == 10
    assert len(found["interval"]) == 2
    assert found["precision"] == "int8"


def test_precision_selects_the_file(edgewbc: Callable[..., Any], command: list[object]) -> None:
    """int8 and f32 are files with different hashes."""
    one, two = (json.loads(edgewbc(*command, "--precision", p, "--json").out) for p in ("int8", "f32"))
    assert one["model_sha256"] != two["model_sha256"]
    assert (one["precision"], two["precision"]) == ("int8", "f32")


def test_text_has_accuracy_recalls_and_confusion(edgewbc: Callable[..., Any], command: list[object]) -> None:
    """The first line has the accuracy; a table of recall by class and the confusion matrix follow."""
    ran = edgewbc(*command)
    head, classes, confusion = ran.out.strip().split("\n\n")
    assert head.startswith("accuracy ")
    assert "of 10, folder grouped test" in head
    assert len(classes.splitlines()) == 7
    assert len(confusion.splitlines()) == 6


def test_missed_accuracy_exits_3_after_the_result(
    edgewbc: Callable[..., Any], command: list[object], tmp_path: Path
) -> None:
    """If the required accuracy is not met, the result is still printed and written, and the exit code is 3."""
    out = tmp_path / "r.json"
    ran = edgewbc(
        *command,
        "--json",
        "--out",
        out,
        "--require-accuracy",
        "1",
    )
    assert ran.code == 3
    assert "is required" in ran.err
    assert json.loads(out.read_text()) == json.loads(ran.out)
    assert edgewbc(*command, "--require-accuracy", "0").code == 0


def test_png(edgewbc: Callable[..., Any], command: list[object], tmp_path: Path) -> None:
    """--png draws the confusion matrix."""
    pytest.importorskip("matplotlib")
    assert edgewbc(*command, "--png", tmp_path / "c.png").code == 0
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"


def test_synthetic_cells_cause_a_warning(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """stderr warns that the accuracy says nothing about real cells."""
    tiny.make_bundle(tmp_path / "b")
    labeled.make_manifest(tmp_path / "m", n=3, source="synthetic")
    ran = edgewbc("eval", tmp_path / "b", "--data", tmp_path / "m", "--json")
    assert "says nothing about real cells" in ran.err
    assert json.loads(ran.out)["reference"]["met"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "final"], "use one of train, val, test"),
        (["--precision", "int4"], "use one of f32, bf16, int8"),
        (["--backend", "tpu"], "use one of openvino"),
    ],
)
def test_invalid_choices_are_refused(
    edgewbc: Callable[..., Any], command: list[object], arguments: list[str], message: str
) -> None:
    """The exit code is 2, and the error lists the choices."""
    ran = edgewbc(*command, *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""


def test_changed_image_is_named(edgewbc: Callable[..., Any], command: list[object], tmp_path: Path) -> None:
    """An image that differs from the manifest is an error that names it."""
    (tmp_path / "m" / "images" / "003.png").write_bytes(b"other")
    ran = edgewbc(*command)
    assert ran.code == 2
    assert "003.png: changed" in ran.err
