"""Tests of `edgewbc info`."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.info import BundleSummary
from edgewbc.utils import resources
from tests.averaged import averaged_bundle
from tests.conftest import Ran
from tests.labeled import make_run

BUNDLE = resources.folder("export/bundles") / resources.SHIPPED_BUNDLE


def test_table_of_the_posters_network(edgewbc: Callable[..., Ran]) -> None:
    """The table ends with the parameter count that the poster reports."""
    ran = edgewbc("info", "vgg16gap", "--classes", "4")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[-1].split() == ["trainable", "14,776,492"]
    assert lines[-2].split()[:4] == ["vgg16gap", "plain", "total", "14,776,492"]
    assert lines[1].split() == ["features.0", "conv", "64", "x", "224", "x", "224", "1,792", "86,704,128"]
    assert "61,804 of the 14,776,492" in ran.err


def test_json_of_a_run(edgewbc: Callable[..., Ran], tmp_path: Path) -> None:
    """A run folder is described at its own input size, or at another, as one JSON value."""
    make_run(tmp_path / "run")
    result = json.loads(edgewbc("info", tmp_path / "run", "--json").out)
    assert (result["arch"], result["classes"], result["height"], result["head"]) == ("vgg16gap", 5, 32, [10, 10])
    twice = json.loads(edgewbc("info", tmp_path / "run", "--input", "64x32", "--json").out)
    dense = sum(layer["macs"] for layer in result["layers"] if layer["kind"] == "dense")
    assert twice["macs"] - dense == 2 * (result["macs"] - dense)


def test_a_bundle_with_torch(edgewbc: Callable[..., Ran]) -> None:
    """The network of the released bundle is described layer by layer from its manifest."""
    ran = edgewbc("info", BUNDLE, "--json")
    assert ran.code == 0, ran.err
    result = json.loads(ran.out)
    manifest = json.loads((BUNDLE / "manifest.json").read_text())
    assert (result["parameters"], result["macs"]) == (manifest["parameters"], manifest["macs"])
    assert len(result["layers"]) > 5


@pytest.fixture
def _no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make torch look as if it were not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else real(name))


@pytest.mark.usefixtures("_no_torch")
def test_a_bundle_without_torch(edgewbc: Callable[..., Ran]) -> None:
    """The manifest alone gives network, input, sizes of the files and measured accuracy."""
    manifest = json.loads((BUNDLE / "manifest.json").read_text())
    result = json.loads(edgewbc("info", BUNDLE, "--json").out)
    assert (result["arch"], result["parameters"]) == (manifest["arch"], manifest["parameters"])
    assert result["evidence"] == manifest["evidence"]
    files = [BUNDLE / name for name in manifest["files"]["int8"]["openvino"]]
    assert result["sizes"]["int8"]["openvino"] == sum(file.stat().st_size for file in files)
    ran = edgewbc("info", BUNDLE)
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0].split() == ["bundle", manifest["name"]]
    assert ["parameters", f"{manifest['parameters']:,}"] in [line.split() for line in lines]
    assert "needs torch (pip install" in ran.err


@pytest.mark.parametrize(("label_from", "said"), [("mean", "mean of its views"), ("upright", "upright view")])
def test_which_views_the_label_of_a_cell_is_taken_from(tmp_path: Path, label_from: str, said: str) -> None:
    """It is said of a bundle that looks at several."""
    found = BundleSummary.of(averaged_bundle(tmp_path / "b", label_from))
    assert found.label_from == label_from
    assert ["label", "of", "a", "cell", *said.split()] in [line.split() for line in found.text().splitlines()]
    assert "label of a cell" not in BundleSummary.of(Bundle.open(BUNDLE)).text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet"], "resnet: neither a run, a bundle, nor one of vgg16gap, vgg16flatten"),
        (["vgg16gap", "--input", "big"], "--input big: write a size as 112"),
        (["vgg16gap", "--input", "16"], "vgg16gap at 16 x 16: so small an input leaves an empty map"),
        ([BUNDLE, "--classes", "9"], "has 5 classes"),
    ],
)
def test_errors_are_one_line(edgewbc: Callable[..., Ran], arguments: list[str], message: str) -> None:
    """Invalid input has exit code 2 and an error of one line."""
    ran = edgewbc("info", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err.splitlines()[-1]
