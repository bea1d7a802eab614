"""`edgewbc train`."""

import json
import re

import pytest

from tests.coloured import make_manifest

RECIPE = """name: tiny
weights: none
model: {width: 0.125, head: [8], input: {height: 32, width: 32}}
fit: {epochs: 1, batch: 10, precision: f32}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder with a tiny manifest and a recipe."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGEWBC_DATA", raising=False)
    make_manifest(tmp_path / "cells", 4).write(tmp_path / "manifests" / "m")
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    return tmp_path


def test_json_is_all_of_stdout(edgewbc, here):
    """With --json stdout is one object; the run is where it says."""
    ran = edgewbc("train", "--recipe", "tiny.yaml", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (here / told["run"] / "model.safetensors").is_file()
    assert told["best"]["val_n"] == 10
    assert re.search(r"validation accuracy \d+\.\d\d% \(\d+ of 10, protocol grouped\), \d+ s$", ran.err, re.MULTILINE)
    assert "manifests/m (the newest manifest here)" in ran.err.replace("\\", "/")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "nothing"], "nothing: no such recipe"),
        (["--recipe", "tiny.yaml", "--set", "fit.epocs=3"], "fit.epocs: no such key"),
        (["--recipe", "tiny.yaml", "--weights", "absent.safetensors"], "absent.safetensors: no such file"),
        (["--recipe", "tiny.yaml", "--data", "absent"], "absent: no manifest here"),
        (["--resume", "absent"], "absent"),
    ],
)
def test_mistakes_are_one_line(edgewbc, here, arguments, message):
    """A user's mistake is exit code 2, one line that names the thing, and no run folder."""
    ran = edgewbc("train", *arguments)
    assert ran.code == 2
    assert message in ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err
    assert not (here / "runs").exists()
