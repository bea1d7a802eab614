"""Tests of `edgewbc export`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from tests.conftest import Ran
from tests.tiny_run import quantized


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with one quantized run and the manifest."""
    run, manifest = quantized()
    shutil.copytree(run, tmp_path / "runs" / "tiny-int8")
    manifest.write(tmp_path / "manifests" / "colored")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_newest_run_is_exported_without_an_argument(edgewbc: Callable[..., Ran], place: Path) -> None:
    """int8 of the newest run goes to bundles/<run>; a table on stdout, what was taken on stderr."""
    ran = edgewbc("export")
    assert ran.code == 0
    assert "run: runs/tiny-int8 (the newest)" in ran.err
    assert "precision: int8" in ran.err
    lines = ran.out.splitlines()
    assert [line.split()[:2] for line in lines] == [["file", "size"], ["openvino", "int8"], ["onnx", "int8"]]
    assert "20 of 20" in lines[1]
    bundle = Bundle.open(place / "bundles" / "tiny-int8")
    assert (bundle.name, bundle.precisions) == ("tiny-int8", ("int8",))
    assert edgewbc("export").code == 2  # a bundle is never overwritten


def test_json_is_one_object(edgewbc: Callable[..., Ran], place: Path) -> None:
    """Both precisions in one option, a name, a folder, a zip: stdout is one JSON object."""
    options = ["--precision", "int8,f32", "--name", "mine", "--to", "out/b", "--zip", "--json"]
    ran = edgewbc("export", "runs/tiny-int8", *options)
    assert ran.code == 0
    told = json.loads(ran.out)
    assert (told["bundle"], told["zip"], told["manifest"]["name"]) == ("out/b", "out/b.zip", "mine")
    bundle = Bundle.open(place / "out" / "b.zip")
    assert told["sizes"]["f32"]["onnx"] == bundle.size("onnx", "f32")
    assert set(told["sizes"]) == {"int8", "f32"}


def test_without_a_manifest_it_says_so(edgewbc: Callable[..., Ran], place: Path) -> None:
    """No manifest: exported all the same, without accuracy, and told."""
    shutil.rmtree(place / "manifests")
    ran = edgewbc("export", "--precision", "f32", "--precision", "f32")
    assert ran.code == 0
    assert "the bundle states no accuracy" in ran.err
    assert ran.out.splitlines()[1].split()[-3:] == ["-", "-", "-"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs/none"], "runs/none: not a run folder"),
        (["--precision", "fp16"], "precision 'fp16': a bundle holds int8 or f32"),
        (["--precision", ","], "no precision is named"),
        (["--to", "runs"], "runs: exists already"),
        (["--data", "nowhere"], "nowhere: not a manifest"),
    ],
)
def test_a_mistake_is_one_line(edgewbc: Callable[..., Ran], place: Path, arguments: list[str], words: str) -> None:
    """Exit code 2, one line that names the mend, nothing on stdout and nothing left behind."""
    ran = edgewbc("export", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err.splitlines()[-1]
    assert not (place / "bundles").exists()


def test_help_has_an_example(edgewbc: Callable[..., Ran]) -> None:
    """--help ends with a command line that can be copied."""
    assert "\n    edgewbc export runs/vgg16gap-112-quarter-int8" in edgewbc("export", "--help").out


def test_license_goes_into_the_card(edgewbc: Callable[..., Ran], place: Path) -> None:
    """--license is stated in manifest and card; without it the license is not stated."""
    assert edgewbc("export", "--license", "CC-BY-NC-4.0", "--to", "out/mine").code == 0
    made = Bundle.open(place / "out" / "mine")
    assert made.manifest.to_json()["weights_license"] == "CC-BY-NC-4.0"
    assert "The weights: CC-BY-NC-4.0." in (place / "out" / "mine" / "CARD.md").read_text(encoding="utf-8")
    assert edgewbc("export", "--to", "out/plain").code == 0
    assert "The weights: not stated." in (place / "out" / "plain" / "CARD.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("options", [[], ["--network"], ["--precision", "f32"]])
def test_an_unfinished_run_is_not_exported(edgewbc: Callable[..., Ran], place: Path, options: list[str]) -> None:
    """Without a lineage the run's step was interrupted: one line, and nothing is written."""
    (place / "runs" / "tiny-int8" / "lineage.json").unlink()
    ran = edgewbc("export", "runs/tiny-int8", *options)
    assert (ran.code, ran.out) == (2, "")
    assert "runs/tiny-int8: is not finished (it has no lineage.json)" in ran.err
    assert not (place / "bundles").exists()
    assert not (place / "networks").exists()


@pytest.mark.parametrize("missing", ["quantize.json", "openvino/int8.xml"])
def test_a_broken_quantization_is_not_exported_as_f32(edgewbc: Callable[..., Ran], place: Path, missing: str) -> None:
    """A quantized run is exported in int8, or not at all unless f32 is asked for."""
    (place / "runs" / "tiny-int8" / missing).unlink()
    ran = edgewbc("export", "runs/tiny-int8")
    assert (ran.code, ran.out) == (2, "")
    assert "quantize" in ran.err.splitlines()[-1]
    assert not (place / "bundles").exists()


@pytest.mark.parametrize("command", ["export", "eval", "prune"])
def test_weights_with_a_flipped_bit_are_refused(edgewbc: Callable[..., Ran], place: Path, command: str) -> None:
    """Commands that start from a run compare its weights with the hash in the lineage."""
    weights = place / "runs" / "tiny-int8" / "model.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    ran = edgewbc(command, "runs/tiny-int8")
    assert (ran.code, ran.out) == (2, "")
    assert "model.safetensors: " in ran.err.splitlines()[-1]
    assert "changed since" in ran.err.splitlines()[-1]
