"""Tests of `edgewbc.export.bioimageio`: the description follows the specification, and its test tensors reproduce."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml

from edgewbc.bundle.bundle import Bundle, seal
from edgewbc.errors import GateError, UserError
from edgewbc.export import bioimageio
from edgewbc.utils import resources


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.open(resources.folder("export/bundles") / "wbc5-edge")


def test_test_tensors_reproduce(edgewbc: Callable[..., Any], bundle: Bundle, tmp_path: Path) -> None:
    """Read as a consumer does: files by their hashes, shapes by axes, outputs from ONNX Runtime."""
    to = tmp_path / "zoo"
    ran = edgewbc("export", bundle.path, "--as", "bioimageio", "--license", "Apache-2.0", "--to", to)
    assert ran.code == 0, ran.err
    rdf = yaml.safe_load((to / "rdf.yaml").read_text(encoding="utf-8"))
    assert (rdf["format_version"], rdf["type"], rdf["license"]) == ("0.5.5", "model", "Apache-2.0")
    assert rdf["cite"][0]["doi"] == "10.17632/snkd93bnjr.1"
    tensors = [entry["test_tensor"] for entry in [*rdf["inputs"], *rdf["outputs"]]]
    for entry in [*tensors, *rdf["attachments"], rdf["weights"]["onnx"]]:
        assert hashlib.sha256((to / entry["source"]).read_bytes()).hexdigest() == entry["sha256"]
    assert "Validation" in (to / rdf["documentation"]).read_text(encoding="utf-8")
    session = onnxruntime.InferenceSession(to / rdf["weights"]["onnx"]["source"], providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == [output["id"] for output in rdf["outputs"]]
    image = np.load(to / rdf["inputs"][0]["test_tensor"]["source"])
    assert (image.dtype, image.shape) == (np.uint8, (1, *sizes(rdf["inputs"][0])))
    tolerances = rdf["config"]["bioimageio"]["reproducibility_tolerance"]
    found = session.run(None, {session.get_inputs()[0].name: image})
    for output, given, allowed in zip(rdf["outputs"], found, tolerances, strict=True):
        expected = np.load(to / output["test_tensor"]["source"])
        assert (str(expected.dtype), expected.shape) == (output["data"]["type"], (1, *sizes(output)))
        assert allowed["absolute_tolerance"] <= 0.01 * expected.max()
        np.testing.assert_allclose(given, expected, allowed["relative_tolerance"], allowed["absolute_tolerance"])
    golden = json.loads(bundle.read("golden/expected.json"))["samples"][0]["expected_onnx"]["int8"]
    np.testing.assert_allclose(np.load(to / "test_probabilities.npy")[0], golden["probabilities"], atol=0.01)
    described = json.loads((to / "client.json").read_text())
    assert described["review_below"] == bundle.manifest.review_below
    assert described["familiarity"]["file"] in [entry["source"] for entry in rdf["attachments"]]


def sizes(tensor: dict[str, Any]) -> tuple[int, ...]:
    """Return the lengths of a tensor's axes after the batch."""
    axes = tensor["axes"]
    assert axes[0] == {"type": "batch"}
    return tuple(len(axis["channel_names"]) if axis["type"] == "channel" else axis["size"] for axis in axes[1:])


def test_class_names_become_identifiers() -> None:
    names = bioimageio.channel_names(("neutrophil", "atyp. ly (x)", "Atyp ly x", "2n", "好", "%"))
    assert names == ["neutrophil", "atyp_ly_x", "atyp_ly_x_2", "class_2n", "class_4", "class_5"]
    assert all(name.isidentifier() for name in names)


def test_a_model_that_does_not_give_its_golden_samples_is_not_written(bundle: Bundle, tmp_path: Path) -> None:
    """The gate is that of selftest."""
    shutil.copytree(bundle.path, tmp_path / "b")
    file = tmp_path / "b/golden/expected.json"
    values = json.loads(file.read_text())
    for sample in values["samples"]:
        sample["expected_onnx"]["int8"]["probabilities"].reverse()
    file.write_text(json.dumps(values))
    seal(tmp_path / "b")
    with pytest.raises(GateError, match="golden samples"):
        bioimageio.write(Bundle.open(tmp_path / "b"), tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_a_bundle_without_onnx(own: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no int8 model for onnx"):
        bioimageio.write(own, tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()
