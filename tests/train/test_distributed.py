"""Tests of `edgewbc.train.distributed`: one training in several processes."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.colored import make_manifest

RECIPE = """name: tiny
weights: none
model: {width: 0.125, head: [8], input: {height: 32, width: 32}}
fit: {epochs: 1, batch: 5, precision: f32}
"""


@pytest.mark.slow
def test_two_processes_make_one_run(tmp_path: Path) -> None:
    """Two processes train one network: one run, printed once, with every validation image counted once."""
    make_manifest(tmp_path / "cells", 4).write(tmp_path / "m")
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port)]
    command = ["-m", "edgewbc", "train", "--recipe", "tiny.yaml", "--data", "m", "--json"]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [*launch, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["best"]["val_n"] == 10
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == ["tiny"]
    assert ran.stderr.count("epoch 1:") == 1
