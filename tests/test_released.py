"""The released files, on the real test pictures: what the README says is what they do."""

import json
from pathlib import Path

import pytest

from edgewbc import assets
from edgewbc.bundle import Bundle
from edgewbc.data.sources import make
from edgewbc.evaluate import evaluate

RESULTS = Path(__file__).resolve().parent.parent / "bench" / "results"


def committed(name):
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def test_the_bundle_is_whole_and_small():
    """Every hash is right, IR and ONNX are at most 9 MB together, and the committed figure is of these very files."""
    bundle = Bundle.open(assets.shipped_bundle())
    bundle.verify()
    assert bundle.size("openvino", "int8") + bundle.size("onnx", "int8") <= 9_000_000
    assert committed("eval-int8.json")["model_sha256"] == bundle.model_sha256("openvino", "int8")


def test_the_committed_figures_meet_the_reference():
    """f32 reaches 99.3 % on test and int8 is at most 0.3 points below, on the same 1,547 pictures."""
    f32, int8 = committed("eval-f32.json"), committed("eval-int8.json")
    assert f32["manifest_sha256"] == int8["manifest_sha256"]
    assert f32["n"] == int8["n"] == 1547
    assert f32["accuracy"] >= 0.993
    assert int8["accuracy"] >= f32["accuracy"] - 0.003


@pytest.mark.data
@pytest.mark.parametrize("backend", ["openvino", "onnx"])
def test_int8_on_the_test_pictures(real_data, backend):
    """The shipped int8 files give the committed figure again, give or take two cells on another CPU's int8."""
    manifest = make("pbc", real_data / "pbc", protocol="published")
    found = evaluate(assets.shipped_bundle(), manifest, "test", precision="int8", backend=backend)
    said = committed("eval-int8.json" if backend == "openvino" else "eval-int8-onnx.json")
    assert found["manifest_sha256"] == said["manifest_sha256"]
    assert found["n"] == 1547
    assert abs(found["correct"] - said["correct"]) <= 2
