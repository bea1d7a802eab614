"""peerside.peer: what runs in a peer's environment."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import peer
import pytest

from edgewbc.utils import subprocesses


def test_inputs_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Parts of them, the last one shorter, with their type and shape."""
    values = np.arange(7 * 2 * 3, dtype=np.float32).reshape(7, 2, 3)
    inputs = peer.save_inputs(tmp_path / "i", peer.batched(values, 4))
    assert inputs == {"file": str(tmp_path / "i"), "dtype": "float32", "shape": [7, 2, 3]}
    np.testing.assert_array_equal(peer.read_inputs(inputs, 5, 4), values[5:])
    np.testing.assert_array_equal(peer.read_inputs(inputs, 0, 2), values[:2])


def test_softmax_is_of_each_row() -> None:
    """Large logits too, as float32."""
    found = peer.softmax(np.array([[1000.0, 1000.0], [0.0, np.log(3.0)]]))
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.25, 0.75]], rtol=1e-6)
    assert found.dtype == np.float32


def test_an_answer_is_what_the_toolkit_reads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The marker is that of edgewbc.utils.subprocesses; what else is printed does not disturb it."""
    assert peer.MARKER == subprocesses.MARKER
    monkeypatch.setattr("sys.stdin", io.StringIO('{"action": "prepare"}'))

    def prepare(job: dict[str, str]) -> dict[str, str]:
        print("a banner")
        return {"did": job["action"]}

    peer.main(prepare, lambda job, row: None)  # type: ignore[arg-type, return-value]
    said = subprocesses.subprocess.CompletedProcess([], 0, capsys.readouterr().out, "")
    assert subprocesses.read_result(said) == {"did": "prepare"}


def test_versions_name_what_is_there() -> None:
    """A package that is not installed is left out."""
    assert peer.versions("no-such-package-here", "numpy") == f"numpy {np.__version__}"
