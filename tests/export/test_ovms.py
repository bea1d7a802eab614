"""Tests of `edgewbc.export.ovms` and `client`: a client that knows only the written folder gives classify's labels."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.decision.familiarity import Familiarity
from edgewbc.errors import UserError
from edgewbc.export import ovms
from edgewbc.images.encode import encode
from edgewbc.lab.classify import classify
from edgewbc.synth.cells import draw_cell
from edgewbc.utils import resources
from tests.export.client_side import prepared
from tests.tiny import make_bundle


def test_a_client_gets_what_classify_gives(tmp_path: Path) -> None:
    """From `client.json` and the served files alone: the same label, probability, status and familiarity."""
    import openvino as ov

    bundle = Bundle.open(resources.folder("export/bundles") / "wbc5-edge")
    assert ovms.write(bundle, tmp_path / "served") == "wbc5-edge"
    described = json.loads((tmp_path / "served" / "client.json").read_text())
    config = json.loads((tmp_path / "served" / "config.json").read_text())
    (entry,) = config["model_config_list"]
    assert entry["config"]["plugin_config"] == {"INFERENCE_PRECISION_HINT": "f32"}  # what `classify` computes in
    names = sorted(file.name for file in (tmp_path / "served/wbc5-edge/1").iterdir())
    assert names == ["model.bin", "model.xml"]
    assert described["model_sha256"] == bundle.model_sha256("openvino")
    core = ov.Core()
    served = core.compile_model(tmp_path / "served/wbc5-edge/1/model.xml", "CPU", {"INFERENCE_NUM_THREADS": 1})
    info = bundle.manifest.familiarity
    assert info is not None
    familiarity = Familiarity.from_bytes((tmp_path / "served" / described["familiarity"]["file"]).read_bytes(), info)
    images = [
        draw_cell(name, np.random.default_rng(9), side) for name, side in (("neutrophil", 363), ("basophil", 163))
    ]
    images.append(np.full((300, 300, 3), (20, 160, 40), np.uint8))
    paths = [tmp_path / f"{number}.png" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        path.write_bytes(encode(image, ".png"))
    rows = list(classify(bundle, paths, threads=1))
    assert rows[-1].status == "unfamiliar"
    for image, row in zip(images, rows, strict=True):
        result = served({described["input"]["name"]: prepared(described, image)[None]})
        powers = np.maximum(result["probabilities"][0].astype(np.float64), 1e-12)
        powers **= 1 / described["calibration"]["temperature"]
        calibrated = powers / powers.sum()
        assert described["classes"][int(calibrated.argmax())] == row.label
        assert calibrated.max() == pytest.approx(row.probability, abs=1e-5)
        score = familiarity.score(result["features"])[0]
        assert (score > described["familiarity"]["threshold"]) == (row.status == "unfamiliar")


def test_the_layout_is_that_of_the_server(tmp_path: Path) -> None:
    """As "Prepare a Model Repository" has it: a folder for the model, in it one for a version, a positive whole number.

    A version holds the two files of an IR, which lie beside each other under one name; the configuration has a name and
    a path for each model. The number of images is free.
    """
    import openvino as ov

    bundle = Bundle.open(resources.folder("export/bundles") / "wbc5-edge")
    name = ovms.write(bundle, tmp_path / "served")
    folders = [path for path in (tmp_path / "served").iterdir() if path.is_dir()]
    assert [folder.name for folder in folders] == [name]
    (version,) = folders[0].iterdir()
    assert version.name.isdigit()
    assert int(version.name) > 0
    assert {file.suffix: file.stem for file in version.iterdir()} == {".xml": "model", ".bin": "model"}
    (entry,) = json.loads((tmp_path / "served" / ovms.CONFIG).read_text())["model_config_list"]
    assert {**entry["config"], "plugin_config": None} == {
        "name": name,
        "base_path": f"{ovms.MOUNTED}/{name}",
        "plugin_config": None,
    }
    model = ov.Core().read_model(version / "model.xml")
    assert [str(size) for size in model.inputs[0].get_partial_shape()] == ["?", "80", "80", "3"]
    assert model.inputs[0].get_element_type() == ov.Type.u8
    assert {name for output in model.outputs for name in output.get_names()} >= {"probabilities", "features"}
    readme = (tmp_path / "served" / ovms.README).read_text()
    assert "send pixels, and no JPEG files" in readme
    assert re.findall(r"-p (\S+)", readme) == ["127.0.0.1:9000:9000", "127.0.0.1:8000:8000"]  # no other computer


def test_the_command(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """A bundle that knows no unfamiliar cells says so; names become addresses; nothing is overwritten."""
    make_bundle(tmp_path / "b", ("neutrophil", "atyp. ly (x)"), name="Mine & yours/2", review_below=0.25)
    ran = edgewbc("export", tmp_path / "b", "--as", "ovms", "--precision", "f32", "--to", tmp_path / "s", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out) == {"folder": str(tmp_path / "s")}
    described = json.loads((tmp_path / "s/client.json").read_text())
    assert described["served_as"] == "Mine-yours-2"
    assert described["precision"] == "f32"
    assert described["classes"] == ["neutrophil", "atyp. ly (x)"]
    assert (described["review_below"], described["calibration"], described["familiarity"]) == (0.25, None, None)
    assert "person must look at every image" in described["unfamiliar"]
    assert (tmp_path / "s/Mine-yours-2/1/model.xml").is_file()
    assert "as `Mine-yours-2`" in (tmp_path / "s/README.md").read_text()
    again = edgewbc("export", tmp_path / "b", "--as", "ovms", "--to", tmp_path / "s")
    assert again.code == 2
    assert "not overwritten" in again.err
    both = edgewbc("export", tmp_path / "b", "--as", "ovms", "--precision", "int8,f32", "--to", tmp_path / "t")
    assert both.code == 2
    assert "takes one precision" in both.err
    assert not (tmp_path / "t").exists()


def test_a_bundle_without_the_precision(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no f16"):
        ovms.write(bundle, tmp_path / "s", "f16")
    assert not (tmp_path / "s").exists()
