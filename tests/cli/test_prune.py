"""`edgewbc prune`."""

import json

from tests.coloured import make_manifest

TRAIN = """name: tiny
weights: none
model: {width: 0.5, head: [8], input: {height: 32, width: 32}}
fit: {epochs: 1, batch: 10, precision: f32}
"""
PRUNE = """name: half
keep_macs: 0.5
pictures: 8
fit: {epochs: 1, batch: 10, precision: f32}
"""


def test_prune_takes_the_newest_run(edgewbc, tmp_path, monkeypatch):
    """Without a run named, the newest is pruned to the share asked for, and the command says which it took."""
    monkeypatch.chdir(tmp_path)
    make_manifest(tmp_path / "cells", 2).write(tmp_path / "m")
    (tmp_path / "tiny.yaml").write_text(TRAIN)
    (tmp_path / "half.yaml").write_text(PRUNE)
    assert edgewbc("train", "--recipe", "tiny.yaml", "--data", "m").code == 0
    ran = edgewbc("prune", "--recipe", "half.yaml", "--data", "m", "--keep-macs", "0.4", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["kept"]["macs"] <= 0.4
    assert "tiny-half" in told["run"]
    assert "(the newest)" in ran.err
    assert edgewbc("prune", "absent", "--data", "m").code == 2
