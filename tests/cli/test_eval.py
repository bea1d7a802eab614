"""`edgewbc eval`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import labeled, tiny


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """A tiny bundle and a manifest of ten pictures."""
    tiny.make_bundle(tmp_path / "b")
    labeled.make_manifest(tmp_path / "m")
    return tmp_path / "b", tmp_path / "m"


def test_json_is_one_object_with_what_scripts_rely_on(edgewbc: Callable[..., Any], made: tuple[Path, Path]) -> None:
    """stdout holds one JSON object with every key that is promised."""
    ran = edgewbc("eval", made[0], "--data", made[1], "--split", "test", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    promised = (
        "protocol split n correct accuracy interval balanced_accuracy macro_f1 per_class confusion classes "
        "model_sha256 manifest_sha256"
    )
    assert set(promised.split()) <= set(found)
    assert found["n"] == 10
    assert len(found["interval"]) == 2
    assert found["precision"] == "int8"


def test_precision_picks_the_file(edgewbc: Callable[..., Any], made: tuple[Path, Path]) -> None:
    """int8 and f32 answer from files with different hashes."""
    one, two = (
        json.loads(edgewbc("eval", made[0], "--data", made[1], "--precision", p, "--json").out) for p in ("int8", "f32")
    )
    assert one["model_sha256"] != two["model_sha256"]
    assert (one["precision"], two["precision"]) == ("int8", "f32")


def test_text_is_a_line_and_two_tables(edgewbc: Callable[..., Any], made: tuple[Path, Path]) -> None:
    """The first line has the accuracy, then recall by class, then the confusion matrix."""
    ran = edgewbc("eval", made[0], "--data", made[1])
    head, classes, confusion = ran.out.strip().split("\n\n")
    assert head.startswith("accuracy ")
    assert "of 10, folder grouped test" in head
    assert len(classes.splitlines()) == 7
    assert len(confusion.splitlines()) == 6


def test_files_are_written_and_the_gate_comes_last(
    edgewbc: Callable[..., Any], made: tuple[Path, Path], tmp_path: Path
) -> None:
    """A gate that is not met exits with 3, with the result on stdout and in the file all the same."""
    out = tmp_path / "r.json"
    ran = edgewbc("eval", made[0], "--data", made[1], "--json", "--out", out, "--require-accuracy", "1")
    assert ran.code == 3
    assert "is required" in ran.err
    assert json.loads(out.read_text()) == json.loads(ran.out)
    assert edgewbc("eval", made[0], "--data", made[1], "--require-accuracy", "0").code == 0


def test_png(edgewbc: Callable[..., Any], made: tuple[Path, Path], tmp_path: Path) -> None:
    """--png draws the confusion matrix."""
    pytest.importorskip("matplotlib")
    assert edgewbc("eval", made[0], "--data", made[1], "--png", tmp_path / "c.png").code == 0
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"


def test_synthetic_cells_say_so(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """Figures on synthetic pictures come with a warning on stderr."""
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
def test_bad_input_is_one_line(
    edgewbc: Callable[..., Any], made: tuple[Path, Path], arguments: list[str], message: str
) -> None:
    """A wrong choice exits with 2 and names what can be chosen."""
    ran = edgewbc("eval", made[0], "--data", made[1], *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""


def test_changed_picture_is_named(edgewbc: Callable[..., Any], made: tuple[Path, Path]) -> None:
    """A picture that changed after the manifest was made stops the evaluation with its name."""
    (made[1] / "images" / "003.png").write_bytes(b"other")
    ran = edgewbc("eval", made[0], "--data", made[1])
    assert ran.code == 2
    assert "003.png: changed" in ran.err
