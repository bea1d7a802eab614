"""The released files, on the real test pictures: what the README says is what they do."""

import json
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.data.sources import make
from edgewbc.evaluation.evaluate import evaluate
from edgewbc.utils import resources

RESULTS = Path(__file__).resolve().parent.parent / "bench" / "results"


def committed(name):
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


BUNDLES = {"wbc5-edge": 2_000_000, "wbc5-accurate": 8_000_000, "wbc5-vgg16gap": 2_000_000}
"""The released bundles, and how large IR and ONNX may be together, in bytes."""


def path(name):
    return resources.folder("export/bundles") / name


def said(name, backend="openvino"):
    return committed(f"eval-{name.removeprefix('wbc5-')}{'-onnx' if backend == 'onnx' else ''}.json")


def test_what_is_released():
    """These bundles and no other; the default is one of them."""
    assert {one.name for one in resources.folder("export/bundles").iterdir()} == set(BUNDLES)
    assert resources.shipped_bundle() == path("wbc5-edge")


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_is_whole_and_small(name):
    """Every hash is right, the files are small, and the committed figures are of these very files."""
    bundle = Bundle.open(path(name))
    bundle.verify()
    assert bundle.size("openvino", "int8") + bundle.size("onnx", "int8") <= BUNDLES[name]
    for backend in ("openvino", "onnx"):
        assert said(name, backend)["model_sha256"] == bundle.model_sha256(backend, "int8")


@pytest.mark.parametrize("name", BUNDLES)
def test_the_committed_figures_meet_the_reference(name):
    """f32 reaches 99.3 % on test and int8 is at most 0.2 points below, on the same 1,547 pictures."""
    f32, int8 = committed("eval-f32.json"), said(name)
    assert f32["manifest_sha256"] == int8["manifest_sha256"]
    assert f32["n"] == int8["n"] == 1547
    assert f32["accuracy"] >= 0.993
    assert int8["accuracy"] >= max(0.993, f32["accuracy"] - 0.002)


@pytest.mark.data
@pytest.mark.parametrize("backend", ["openvino", "onnx"])
@pytest.mark.parametrize("name", BUNDLES)
def test_int8_on_the_test_pictures(real_data, name, backend):
    """The released int8 files give the committed figure again, give or take two cells on another CPU's int8."""
    manifest = make("pbc", real_data / "pbc", protocol="published")
    found = evaluate(path(name), manifest, "test", precision="int8", backend=backend)
    assert found["manifest_sha256"] == said(name, backend)["manifest_sha256"]
    assert found["n"] == 1547
    assert abs(found["correct"] - said(name, backend)["correct"]) <= 2
