"""The average of the weights of several runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.train.average import average
from tests.labeled import make_run


def make(folder: Path, shift: float) -> Path:
    """Write a run whose weights are those of `make_run` plus a constant."""
    spec = make_run(folder)
    net, _ = model.load(folder)
    with torch.no_grad():
        for tensor in net.parameters():
            tensor.add_(shift)
    shutil.rmtree(folder)
    folder.mkdir()
    model.save(folder, net, spec)
    runs.write_lineage(folder, "train", manifest_sha256="m", source="folder")
    return folder


def test_weights_are_averaged(tmp_path: Path) -> None:
    """The mean of -1 and +3 is +1; the lineage names both runs and has the history of the first."""
    first, second = make(tmp_path / "a", -1.0), make(tmp_path / "b", 3.0)
    found = average([first, second], tmp_path / "mean")
    states = [model.load(folder)[0].state_dict() for folder in (first, found)]
    for before, after in zip(*(state.values() for state in states), strict=True):
        torch.testing.assert_close(after, before + 2.0)
    lineage = runs.lineage(found)
    assert lineage.step == "average"
    assert lineage.manifest_sha256 == "m"
    assert [each["run"] for each in lineage.values["averaged"]] == ["a", "b"]
    assert [each.run for each in lineage.ancestors] == ["a"]


def test_what_cannot_be_averaged(tmp_path: Path) -> None:
    """One run, the same weights twice, and another architecture."""
    first, second = make(tmp_path / "a", -1.0), make(tmp_path / "b", 3.0)
    with pytest.raises(UserError, match="two runs or more"):
        average([first])
    with pytest.raises(UserError, match="the same weights as another"):
        average([first, first])
    make_run(tmp_path / "c", size=(48, 48))
    with pytest.raises(UserError, match="differs from .*a in model.json"):
        average([first, second, tmp_path / "c"], tmp_path / "new")
    assert not (tmp_path / "new").exists()
