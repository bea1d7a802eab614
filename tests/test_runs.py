"""Run folders."""

import os

import pytest

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.utils.files import sha256


def finished(folder, when):
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(folder.name.encode())
    (folder / "model.json").write_text("{}")
    runs.write_lineage(folder, "train")
    os.utime(folder / "lineage.json", (when, when))
    return folder


def test_names_count_up(tmp_path, monkeypatch):
    """A second run of a name gets a number; nothing is overwritten."""
    monkeypatch.chdir(tmp_path)
    assert [runs.new("a").as_posix() for _ in range(3)] == ["runs/a", "runs/a-2", "runs/a-3"]


def test_newest_is_the_last_finished_one(tmp_path):
    """Of several runs the newest finished one is taken; one without lineage does not count."""
    finished(tmp_path / "old", 1000)
    new = finished(tmp_path / "new", 2000)
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "model.safetensors").write_bytes(b"x")
    assert runs.newest(tmp_path) == new
    with pytest.raises(UserError, match="no finished run here"):
        runs.newest(tmp_path / "nowhere")


def test_lineage_holds_the_ancestors(tmp_path):
    """A grandchild's lineage names child and grandparent in order, with the hash of its own weights."""
    first = finished(tmp_path / "first", 1)
    for name, parent in (("second", first), ("third", tmp_path / "second")):
        run = tmp_path / name
        run.mkdir()
        (run / "model.safetensors").write_bytes(name.encode())
        runs.write_lineage(run, "prune", parent=parent, kept=0.5)
    told = runs.lineage(tmp_path / "third")
    assert [a["run"] for a in told["ancestors"]] == ["first", "second"]
    assert told["model_sha256"] == sha256(tmp_path / "third" / "model.safetensors")
    assert told["ancestors"][1]["kept"] == 0.5
