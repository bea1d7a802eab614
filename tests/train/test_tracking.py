"""Tests of `edgewbc.train.tracking`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from edgewbc.errors import UserError
from edgewbc.train import tracking
from edgewbc.train.history import EpochResult
from edgewbc.train.tracking import RunTrackers, Tracker


def epoch(number: int) -> EpochResult:
    return EpochResult(number, "grouped", 1e-3, 1.0 / number, 2.0 / number, 10, number, number / 10, (0, 1), 0.5, 3.0)


def test_names_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown tracker, and one that is not installed, are errors of one line."""
    assert tracking.chosen(["tensorboard", "tensorboard"]) == (Tracker.TENSORBOARD,)
    with pytest.raises(UserError, match="--track comet: use one of tensorboard, mlflow, wandb"):
        tracking.chosen(["comet"])
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r"--track wandb needs wandb, which is not installed: pip install .*\[wandb\]"):
        tracking.chosen(["wandb"])


def test_tensorboard(tmp_path: Path) -> None:
    """The recipe and the epochs are in the event files of the run folder."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "mine"
    run.mkdir()
    (run / "recipe.yaml").write_text("name: mine\nfit: {lr: 0.001, epochs: 2}\nmodel: {head: [8], channels: null}\n")
    trackers = RunTrackers((Tracker.TENSORBOARD,), run)
    trackers.log(epoch(1))
    trackers.log(epoch(2))
    trackers.finish()
    events = EventAccumulator(str(run / "tracking" / "mine")).Reload()
    assert [(each.step, each.value) for each in events.Scalars("loss/val")] == [(1, 2.0), (2, 1.0)]
    (hparams,) = (run / "tracking" / "mine").rglob("hparams.yml")
    assert "fit.lr: 0.001" in hparams.read_text()


@pytest.mark.parametrize(
    ("kind", "variable", "value"),
    [(Tracker.WANDB, "WANDB_MODE", "offline"), (Tracker.MLFLOW, "MLFLOW_TRACKING_URI", "sqlite:///")],
)
def test_nothing_goes_to_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Tracker, variable: str, value: str
) -> None:
    """Unless the user has set them, the variables keep a tracker's data in the run folder."""
    from accelerate import tracking as theirs

    seen: list[Any] = []

    class Fake:
        requires_logging_directory = True

        def __init__(self, *arguments: Any) -> None:
            seen.append(arguments)

        def store_init_configuration(self, values: dict[str, Any]) -> None:
            seen.append(values)

        def log(self, values: dict[str, float], step: int) -> None:
            seen.append((step, values["accuracy/val"]))

        def finish(self) -> None:
            seen.append("finished")

    monkeypatch.setitem(theirs.LOGGER_TYPE_TO_CLASS, kind.value, Fake)
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(tracking, "_ours", {})
    monkeypatch.setenv("WANDB_DIR", "x")
    trackers = RunTrackers((kind,), tmp_path)
    trackers.log(epoch(3))
    trackers.finish()
    folder = tmp_path / "tracking"
    place = (folder / "artifacts").as_uri() if kind == Tracker.MLFLOW else str(folder)
    assert seen == [(tmp_path.name, place), {}, (3, 0.3), "finished"]
    assert os.environ[variable].startswith(value)
    assert os.environ["WANDB_DIR"] == "x"


def test_each_run_of_a_process_has_its_own_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that this program has set is set anew; one of the user stays as it is."""
    monkeypatch.setattr(tracking, "_ours", {})
    monkeypatch.setenv("PLACE", "")
    monkeypatch.delenv("PLACE")
    assert tracking._default("PLACE", "one")
    assert tracking._default("PLACE", "two")
    assert os.environ["PLACE"] == "two"
    monkeypatch.setenv("PLACE", "hers")
    assert not tracking._default("PLACE", "three")
    assert os.environ["PLACE"] == "hers"


def test_a_tracker_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start it is an error of one line; later it is a message, and the training goes on without it."""
    from accelerate import tracking as theirs

    class Broken:
        requires_logging_directory = False
        fails = True

        def __init__(self, name: str) -> None:
            self.name = name

        def start(self) -> None:
            if self.fails:
                raise ConnectionError("no server\nlong story")

        def store_init_configuration(self, values: dict[str, Any]) -> None:
            pass

        def log(self, values: dict[str, float], step: int) -> None:
            raise RuntimeError("disk full")

    monkeypatch.setitem(theirs.LOGGER_TYPE_TO_CLASS, "wandb", Broken)
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_DIR", "x")
    with pytest.raises(UserError, match="^--track wandb: does not start: ConnectionError: no server$"):
        RunTrackers((Tracker.WANDB,), tmp_path)
    monkeypatch.setattr(Broken, "fails", False)
    trackers = RunTrackers((Tracker.WANDB,), tmp_path)
    assert trackers.log(epoch(1)) == ["tracking: wandb failed and gets nothing more: RuntimeError: disk full"]
    assert trackers.log(epoch(2)) == []
    assert trackers.finish() == []


def test_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe and the epochs are in a database in the run folder, and nothing is written elsewhere."""
    mlflow: Any = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(tracking, "_ours", {})
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "mine"
    run.mkdir()
    (run / "recipe.yaml").write_text("name: mine\nfit: {lr: 0.001, epochs: 2}\n")
    trackers = RunTrackers((Tracker.MLFLOW,), run)
    assert trackers.log(epoch(1)) == trackers.log(epoch(2)) == trackers.finish() == []
    client = mlflow.MlflowClient(f"sqlite:///{(run / 'tracking' / 'mlflow.db').as_posix()}")
    (experiment,) = [each for each in client.search_experiments() if each.name == "mine"]
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.data.params["fit.lr"] == "0.001"
    assert [(each.step, each.value) for each in client.get_metric_history(found.info.run_id, "loss/val")] == [
        (1, 2.0),
        (2, 1.0),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
