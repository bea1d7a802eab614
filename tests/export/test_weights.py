"""Tests of edgewbc.export.weights."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.export.weights import release
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from edgewbc.utils.files import sha256


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a finished run of a tiny network with random weights."""
    torch.manual_seed(0)
    spec = ModelSpec("vgg16gap", ("a", "b"), PixelSpec(32, 32), (8, "M", 8), (6,))
    folder = tmp_path / "run"
    folder.mkdir()
    model.save(folder, model.build(spec), spec)
    runs.write_lineage(folder, "train", recipe={"weights": str(tmp_path / "imagenet.safetensors")})
    return folder


def test_released_network_has_the_weights_of_the_run_in_half_precision(run: Path, tmp_path: Path) -> None:
    """Weights are rounded to float16; the lineage has the hashes of both files and no path of this machine."""
    made = release(run, tmp_path / "out" / "net")
    old, new = (load_file(folder / "model.safetensors") for folder in (run, made))
    assert {v.dtype for v in new.values()} == {torch.float16}
    assert all(torch.equal(value.half(), new[name]) for name, value in old.items())
    lineage = json.loads((made / "lineage.json").read_text())
    assert lineage["released_from_sha256"] == sha256(run / "model.safetensors")
    assert lineage["model_sha256"] == sha256(made / "model.safetensors")
    assert lineage["recipe"]["weights"] == "imagenet.safetensors"
    assert model.load(made)[1] == model.load(run)[1]
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["net"]


def test_nothing_is_overwritten(run: Path, tmp_path: Path) -> None:
    """A folder that is not empty is refused."""
    with pytest.raises(UserError, match="never overwritten"):
        release(run, run)
