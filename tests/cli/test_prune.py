"""Tests of `edgewbc prune`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.colored import make_manifest

TRAIN = """name: tiny
weights: none
model: {width: 0.5, head: [8], input: {height: 32, width: 32}}
fit: {epochs: 1, batch: 10, precision: f32}
"""
PRUNE = """name: half
keep_macs: 0.5
images: 8
fit: {epochs: 1, batch: 10, precision: f32}
"""


def test_newest_run_is_pruned_by_default(
    edgewbc: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an argument the newest run is pruned; stderr names it, and the new run is named by the share kept."""
    monkeypatch.chdir(tmp_path)
    make_manifest(tmp_path / "cells", 2).write(tmp_path / "m")
    (tmp_path / "tiny.yaml").write_text(TRAIN)
    (tmp_path / "half.yaml").write_text(PRUNE)
    assert edgewbc("train", "--recipe", "tiny.yaml", "--data", "m").code == 0
    ran = edgewbc("prune", "--recipe", "half.yaml", "--data", "m", "--keep-macs", "0.4", "--json")
    assert ran.code == 0, ran.err
    result = json.loads(ran.out)
    assert result["kept"]["macs"] <= 0.4
    assert Path(result["run"]).name == f"tiny-macs{round(100 * result['kept']['macs'])}"
    assert "(the newest)" in ran.err
    assert edgewbc("prune", "absent", "--data", "m").code == 2
