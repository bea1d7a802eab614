"""Tests of `edgewbc.runs`: run folders and their lineage."""

import os
from pathlib import Path

import pytest

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.utils.files import sha256


def finished(folder: Path, when: int) -> Path:
    """Make a finished run with a modification time in seconds."""
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(folder.name.encode())
    (folder / "model.json").write_text("{}")
    runs.write_lineage(folder, "train")
    os.utime(folder / "lineage.json", (when, when))
    return folder


def test_names_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run of the same name gets a number; nothing is overwritten."""
    monkeypatch.chdir(tmp_path)
    assert [runs.new("a").as_posix() for _ in range(3)] == ["runs/a", "runs/a-2", "runs/a-3"]


def test_newest_is_the_last_finished_run(tmp_path: Path) -> None:
    """The run whose lineage was written last is the newest; a run without lineage does not count."""
    finished(tmp_path / "old", 1000)
    new = finished(tmp_path / "new", 2000)
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "model.safetensors").write_bytes(b"x")
    assert runs.newest(tmp_path) == new
    with pytest.raises(UserError, match="no finished run here"):
        runs.newest(tmp_path / "nowhere")


def test_lineage_has_the_ancestors(tmp_path: Path) -> None:
    """The lineage of the third run names the first and the second in order, and the hash of its own weights."""
    first = finished(tmp_path / "first", 1)
    for name, parent in (("second", first), ("third", tmp_path / "second")):
        run = tmp_path / name
        run.mkdir()
        (run / "model.safetensors").write_bytes(name.encode())
        runs.write_lineage(run, "prune", parent=parent, kept=0.5)
    lineage = runs.lineage(tmp_path / "third").values
    assert [ancestor["run"] for ancestor in lineage["ancestors"]] == ["first", "second"]
    assert lineage["model_sha256"] == sha256(tmp_path / "third" / "model.safetensors")
    assert lineage["ancestors"][1]["kept"] == 0.5


def interrupt(run: Path) -> None:
    """Interrupt a training in the block that `resumable` guards."""
    with runs.resumable(run, "edgewbc train"):
        raise KeyboardInterrupt


def test_interruption_names_the_command_to_resume_with(tmp_path: Path) -> None:
    """With a checkpoint, Ctrl-C says how to resume; without one, that there is nothing to resume."""
    with pytest.raises(KeyboardInterrupt, match="has no checkpoint yet: delete it and start again"):
        interrupt(tmp_path)
    (tmp_path / "checkpoint.safetensors").touch()
    with pytest.raises(KeyboardInterrupt) as caught:
        interrupt(tmp_path)
    assert str(caught.value) == f"resume with: edgewbc train --resume {tmp_path}"


@pytest.mark.parametrize("name", ["model.json", "recipe.yaml", "quantize.json", "lineage.json"])
def test_verify_finds_a_flipped_bit_in_any_file_that_describes_the_run(tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for file in ("model.safetensors", "model.json", "recipe.yaml", "quantize.json"):
        (run / file).write_text('{"a": 1}')
    runs.write_lineage(run, "train", kept={10: 0.5, 9: 1}, where=("ä", 0.1))
    runs.verify(run)
    content = bytearray((run / name).read_bytes())
    position = content.rindex(b"0.5" if name == "lineage.json" else b"1")
    content[position] ^= 1
    (run / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: damaged or changed since the run finished"):
        runs.verify(run)


def test_verify_finds_a_missing_recipe_and_accepts_runs_of_earlier_versions(tmp_path: Path) -> None:
    run = finished(tmp_path / "run", 1)
    (run / "recipe.yaml").write_text("name: a")
    runs.verify(run)  # it was not there when the run finished
    runs.seal_lineage(run, runs.lineage(run))
    assert runs.lineage(run).values["files"] == {
        "model.json": sha256(run / "model.json"), "recipe.yaml": sha256(run / "recipe.yaml"),
    }  # fmt: skip
    (run / "recipe.yaml").unlink()
    with pytest.raises(UserError, match=r"recipe\.yaml: damaged or changed"):
        runs.verify(run)
    (run / "lineage.json").write_text(f'{{"model_sha256": "{sha256(run / "model.safetensors")}"}}')
    runs.verify(run)


def test_ancestors_carry_no_hashes_of_files_that_are_elsewhere(tmp_path: Path) -> None:
    first = finished(tmp_path / "first", 1)
    second = finished(tmp_path / "second", 1)
    runs.write_lineage(second, "prune", parent=first)
    (ancestor,) = runs.lineage(second).without_hashes().values["ancestors"]
    assert not {"files", "sha256"} & {*ancestor, *runs.lineage(second).without_hashes().values}
    assert {"files", "sha256"} < set(runs.lineage(second).values)


def test_verify_finds_other_weights(tmp_path: Path) -> None:
    """A finished run passes; one flipped bit of its weights, a lineage without their hash or none at all does not."""
    run = finished(tmp_path / "run", 1)
    runs.verify(run)
    weights = run / "model.safetensors"
    weights.write_bytes(bytes([weights.read_bytes()[0] ^ 1]) + weights.read_bytes()[1:])
    with pytest.raises(UserError, match=r"model\.safetensors: damaged or changed since the run finished"):
        runs.verify(run)
    (run / "lineage.json").write_text('{"step": "train"}')
    with pytest.raises(UserError, match=r"lineage\.json: holds no hash of the weights"):
        runs.verify(run)
    (run / "lineage.json").unlink()
    runs.check_weights(weights)  # weights from elsewhere, without a lineage beside them
    with pytest.raises(UserError, match="is not finished"):
        runs.verify(run)
    (run / "started.json").write_text("{}")
    weights.unlink()
    assert runs.is_begun(run)
    with pytest.raises(UserError, match=r"is not finished \(it has no model.safetensors\): finish it with --resume"):
        runs.verify(run)
    with pytest.raises(UserError, match="not a run folder"):
        runs.verify(tmp_path)
