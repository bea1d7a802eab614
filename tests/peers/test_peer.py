"""peerside.peer: the code that runs in a peer's environment."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import peer
import pytest

from edgewbc.utils import subprocesses


def test_inputs_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Parts are read with their type and shape; the last one may be shorter."""
    values = np.arange(7 * 2 * 3, dtype=np.float32).reshape(7, 2, 3)
    inputs = peer.save_inputs(tmp_path / "i", peer.batched(values, 4))
    assert inputs == {"file": str(tmp_path / "i"), "dtype": "float32", "shape": [7, 2, 3]}
    np.testing.assert_array_equal(peer.read_inputs(inputs, 5, 4), values[5:])
    np.testing.assert_array_equal(peer.read_inputs(inputs, 0, 2), values[:2])


def test_softmax_per_row() -> None:
    """It returns float32 and does not overflow on large logits."""
    found = peer.softmax(np.array([[1000.0, 1000.0], [0.0, np.log(3.0)]]))
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.25, 0.75]], rtol=1e-6)
    assert found.dtype == np.float32


def test_result_is_read_by_the_toolkit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The marker is that of edgewbc.utils.subprocesses; other output is ignored."""
    assert peer.MARKER == subprocesses.MARKER
    monkeypatch.setattr("sys.stdin", io.StringIO('{"action": "prepare"}'))

    def prepare(job: dict[str, Any]) -> dict[str, Any]:
        print("a banner")
        return {"action": job["action"]}

    def load(job: dict[str, Any], row: dict[str, Any]) -> peer.Model:
        raise AssertionError("it is not called")

    peer.main(prepare, load)
    ran = subprocess.CompletedProcess[str]([], 0, capsys.readouterr().out, "")
    assert subprocesses.read_result(ran) == {"action": "prepare"}


def test_versions_of_installed_packages() -> None:
    """A package that is not installed is left out."""
    assert peer.versions("no-such-package-here", "numpy") == f"numpy {np.__version__}"
