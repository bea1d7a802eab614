"""Shared by the tests of peers: import paths, and small fake peers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).parents[2] / "bench/peers"
sys.path += [str(HOME / "lib"), str(HOME / "lib/peerside")]

FAKE = """
from pathlib import Path
import peer


def prepare(job):
    import numpy as np

    (Path(job["folder"]).parents[1] / "calls").open("a").write("x")
    {before}
    n = len(peer.listed(job, job["split"]))
    images = (np.full((1, 4), number, np.float32) for number in range(n))
    inputs = peer.save_inputs(Path(job["folder"]) / "inputs", images)
    rows = {{"a": {{"input": [2, 2]}}, "b": {{"error": "there is no b"}}}}
    found = {{"classes": job["classes"][::-1], "inputs": inputs, "rows": rows, "minutes": 1.5}}
    return {{**found, "version": "fake 1", "facts": {{"seen": n}}}}


def load(job, row):
    import numpy as np

    {loading}

    def predict(batch):  # the class of an image is its number, in this peer's order of classes
        return np.eye(5, dtype=np.float32)[4 - batch[:, 0].astype(int) % 5]

    return peer.Model(predict, [Path(row["inputs"]["file"])], {{"version": "fake 1", "threads": job["threads"]}})


if __name__ == "__main__":
    peer.main(prepare, load)
"""

DESCRIPTION = {
    "package": "fake",
    "license": "MIT",
    "what": "a peer for tests",
    "each": "imgsz",
    "rows": {"a": {"backend": "numpy", "precision": "f32"}, "b": {"backend": "numpy", "precision": "int8"}},
}


def make_peer(folder: Path, before: str = "pass", loading: str = "pass", **more: Any) -> Path:
    """Write a peer whose predictions of the images of `tests.labeled` are all correct.

    Args:
        folder: of the peer.
        before, loading: the first statement of its `prepare` and of its `load`.
        more: entries of peer.json that replace those of `DESCRIPTION`.
    """
    folder.mkdir(parents=True)
    (folder / "peer.json").write_text(json.dumps({**DESCRIPTION, **more}))
    (folder / "measure.py").write_text(FAKE.format(before=before, loading=loading))
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with one peer, `fake`."""
    make_peer(tmp_path / "peers" / "fake")
    return tmp_path / "peers"
