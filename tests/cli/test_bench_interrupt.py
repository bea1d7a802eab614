"""Ctrl-C in `edgewbc bench`: one clear line, exit code 130, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import labeled, tiny

HEARD = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # background jobs ignore it
SCRIPT = f"{HEARD}; from edgewbc.__main__ import main; main()"


@pytest.mark.skipif(os.name == "nt", reason="signals of process groups")
@pytest.mark.parametrize("options", [("--no-benchmark-app", "--no-peaks"), ("--end-to-end", "--pictures", "0")])
def test_interrupted_bench_leaves_nothing(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The terminal sends SIGINT to the process that measures and to the one that waits for it."""
    tiny.make_bundle(tmp_path / "b")
    labeled.make_manifest(tmp_path / "m", n=10)
    (tmp_path / "temporary").mkdir()
    command = ["bench", "--model", "b", "--data", "m", "--seconds", "60", "--threads", "1", "--out", "o.json"]
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *command, *options],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary"), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    with child:
        deadline = time.monotonic() + 120
        while not any((tmp_path / "temporary").iterdir()):  # what it prepares for the measurements
            assert child.poll() is None, child.stderr and child.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)
        os.killpg(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert out == ""
    assert err.splitlines()[-2:] == [
        "nothing was written; run the same command to start again",
        "edgewbc: interrupted",
    ]
    assert "Traceback" not in err
    assert not list((tmp_path / "temporary").iterdir())
    assert not (tmp_path / "o.json").exists()
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)
