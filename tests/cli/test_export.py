"""Tests of `edgewbc export`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc import runs
from edgewbc.bundle.bundle import Bundle
from edgewbc.utils import resources
from tests.conftest import Ran
from tests.tiny_run import make_run, quantized


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a folder with a quantized run and the manifest that it was trained on."""
    run, manifest = quantized()
    shutil.copytree(run, tmp_path / "runs" / "tiny-int8")
    manifest.write(tmp_path / "manifests" / "colored")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_newest_run_is_exported_by_default(edgewbc: Callable[..., Ran], workspace: Path) -> None:
    """Its int8 files are written to bundles/<run>; stdout has a table of the files, stderr the defaults used."""
    ran = edgewbc("export")
    assert ran.code == 0
    assert "run: runs/tiny-int8 (the newest)" in ran.err
    assert "precision: int8" in ran.err
    lines = ran.out.splitlines()
    assert [line.split()[:2] for line in lines] == [["file", "size"], ["openvino", "int8"], ["onnx", "int8"]]
    assert "20 of 20" in lines[1]
    bundle = Bundle.open(workspace / "bundles" / "tiny-int8")
    assert (bundle.name, bundle.precisions) == ("tiny-int8", ("int8",))
    assert edgewbc("export").code == 2  # a bundle is never overwritten


def test_json_is_one_object(edgewbc: Callable[..., Ran], workspace: Path) -> None:
    """With two precisions, a name, a folder and a zip, stdout is one JSON object."""
    options = ["--precision", "int8,f32", "--name", "mine", "--to", "out/b", "--zip", "--json"]
    ran = edgewbc("export", "runs/tiny-int8", *options)
    assert ran.code == 0
    summary = json.loads(ran.out)
    assert (summary["bundle"], summary["zip"], summary["manifest"]["name"]) == ("out/b", "out/b.zip", "mine")
    bundle = Bundle.open(workspace / "out" / "b.zip")
    assert summary["sizes"]["f32"]["onnx"] == bundle.size("onnx", "f32")
    assert set(summary["sizes"]) == {"int8", "f32"}


def test_without_a_manifest_no_accuracy_is_stated(edgewbc: Callable[..., Ran], workspace: Path) -> None:
    """The run is exported, and stderr says that the bundle states no accuracy."""
    shutil.rmtree(workspace / "manifests")
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
def test_errors_are_one_line(edgewbc: Callable[..., Ran], workspace: Path, arguments: list[str], words: str) -> None:
    """Invalid input has exit code 2 and an error of one line, prints nothing on stdout and leaves no files."""
    ran = edgewbc("export", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err.splitlines()[-1]
    assert not (workspace / "bundles").exists()


def test_help_has_an_example(edgewbc: Callable[..., Ran]) -> None:
    """--help has a command line that can be copied."""
    assert "\n    edgewbc export runs/vgg16gap-112-quarter-int8" in edgewbc("export", "--help").out


def test_license_is_stated_in_the_card(edgewbc: Callable[..., Ran], workspace: Path) -> None:
    """--license is written to manifest and card; without it, the card says that none is stated."""
    assert edgewbc("export", "--license", "CC-BY-NC-4.0", "--to", "out/mine").code == 0
    bundle = Bundle.open(workspace / "out" / "mine")
    assert bundle.manifest.to_json()["weights_license"] == "CC-BY-NC-4.0"
    assert "The weights: CC-BY-NC-4.0." in (workspace / "out" / "mine" / "CARD.md").read_text(encoding="utf-8")
    assert edgewbc("export", "--to", "out/plain").code == 0
    assert "The weights: not stated." in (workspace / "out" / "plain" / "CARD.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("options", [[], ["--network"], ["--precision", "f32"]])
def test_unfinished_run_is_refused(edgewbc: Callable[..., Ran], workspace: Path, options: list[str]) -> None:
    """A run without a lineage was interrupted: the error is one line, and no files are written."""
    (workspace / "runs" / "tiny-int8" / "lineage.json").unlink()
    ran = edgewbc("export", "runs/tiny-int8", *options)
    assert (ran.code, ran.out) == (2, "")
    assert "runs/tiny-int8: is not finished (it has no lineage.json)" in ran.err
    assert not (workspace / "bundles").exists()
    assert not (workspace / "networks").exists()


@pytest.mark.parametrize("missing", ["quantize.json", "openvino/int8.xml"])
def test_incomplete_quantization_is_not_exported_as_f32(
    edgewbc: Callable[..., Ran], workspace: Path, missing: str
) -> None:
    """A quantized run with missing files is an error; f32 is exported only on request."""
    (workspace / "runs" / "tiny-int8" / missing).unlink()
    ran = edgewbc("export", "runs/tiny-int8")
    assert (ran.code, ran.out) == (2, "")
    assert "quantize" in ran.err.splitlines()[-1]
    assert not (workspace / "bundles").exists()


@pytest.mark.parametrize("command", ["export", "eval", "prune"])
def test_changed_weights_are_refused(edgewbc: Callable[..., Ran], workspace: Path, command: str) -> None:
    """Commands that start from a run compare its weights with the hash in the lineage."""
    weights = workspace / "runs" / "tiny-int8" / "model.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    ran = edgewbc(command, "runs/tiny-int8")
    assert (ran.code, ran.out) == (2, "")
    assert "model.safetensors: " in ran.err.splitlines()[-1]
    assert "changed since" in ran.err.splitlines()[-1]


def test_a_page_needs_the_right_runtime(
    edgewbc: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--as html` takes a bundle; an archive with another hash is refused, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    Path("web.tgz").write_bytes(b"")
    ran = edgewbc("export", "--as", "html", "--to", "page.html", "--runtime", "web.tgz")
    assert (ran.code, ran.out) == (2, "")
    assert "web.tgz: is not the archive of onnxruntime-web 1.30.0 (wrong hash)" in ran.err
    assert not Path("page.html").exists()
    ran = edgewbc("export", "--as", "html", "--to", "page", "--runtime", "web.tgz")
    assert (ran.code, ran.out) == (2, "")
    assert "--to page: a browser knows a page by its suffix: name a file that ends in .html" in ran.err
    ran = edgewbc("export", str(resources.folder("export/bundles") / "wbc5-travel"), "--as", "html")
    assert ran.code == 2
    assert "use edgewbc classify" in ran.err


def test_a_hub_folder_with_the_float_network(edgewbc: Callable[..., Ran], workspace: Path) -> None:
    """It holds safetensors that `train --weights` reads, beside ONNX; a run of another network is refused."""
    assert edgewbc("export", "--to", "b").code == 0
    ran = edgewbc("export", "b", "--as", "hub", "--run", "runs/tiny-int8", "--to", "hub")
    assert (ran.code, ran.err) == (0, "")
    assert "network/ (float network as safetensors)" in ran.out
    assert {path.name for path in (workspace / "hub/network").iterdir()} == {
        "model.safetensors", "model.json", "lineage.json",
    }  # fmt: skip
    runs.verify(workspace / "hub/network")
    text = (workspace / "hub/README.md").read_text(encoding="utf-8")
    assert '"onnx", "openvino", "safetensors", "int8"' in text
    assert "edgewbc train --weights b/network/model.safetensors" in text
    assert Bundle.open(workspace / "hub").verify() == Bundle.open(workspace / "b").verify()
    other = make_run(workspace / "runs/other", quantized()[1], steps=1)
    refused = edgewbc("export", "b", "--as", "hub", "--run", other, "--to", "hub2")
    assert refused.code == 2
    assert "was not made from this run, but from tiny (train), its run (quantize)" in refused.err
    assert not (workspace / "hub2").exists()
