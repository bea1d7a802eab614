"""Experiment trackers: TensorBoard, MLflow and Weights & Biases, by accelerate's trackers. None is on by default.

None uses the network unless the user has asked for it: TensorBoard and MLflow (a database) write into the run folder,
unless MLFLOW_TRACKING_URI names a server, and Weights & Biases is offline, unless WANDB_MODE says otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import yaml

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.train.history import EpochResult
from edgewbc.utils.optional import install_command, need

FOLDER: Final = "tracking"
"""Folder in a run folder that trackers write to."""


class Tracker(StrEnum):
    """Trackers that `--track` names."""

    TENSORBOARD = "tensorboard"
    MLFLOW = "mlflow"
    WANDB = "wandb"


def chosen(names: Sequence[str]) -> tuple[Tracker, ...]:
    """Return the trackers of `--track`, each once.

    Raises:
        UserError: a name is unknown, or its package is not installed.
    """
    found = []
    for name in dict.fromkeys(names):
        try:
            tracker = Tracker(name)
        except ValueError:
            raise UserError(f"--track {name}: use one of {', '.join(Tracker)}") from None
        need(tracker.value, f"--track {name}", install_command(tracker.value))
        found.append(tracker)
    return tuple(found)


class RunTrackers:
    """The trackers of one run, which receive its recipe and the result of each epoch."""

    def __init__(self, kinds: Sequence[Tracker], run: Path) -> None:
        """Start the trackers; the recipe in the run folder is recorded, flattened to dotted keys.

        Raises:
            UserError: a tracker does not start, for example because its server cannot be reached.
        """
        from accelerate import tracking

        folder = run / FOLDER
        folder.mkdir(exist_ok=True)
        self._trackers: dict[Tracker, Any] = {}
        for kind in kinds:
            made = tracking.LOGGER_TYPE_TO_CLASS[kind.value]
            places = (str(folder),) if made.requires_logging_directory else ()
            if kind == Tracker.MLFLOW and _default("MLFLOW_TRACKING_URI", _database(folder)):
                places = ((folder / "artifacts").resolve().as_uri(),)
            if kind == Tracker.WANDB:
                _default("WANDB_MODE", "offline")
                _default("WANDB_DIR", str(folder.resolve()))
            try:
                tracker = made(run.name, *places)
                if hasattr(tracker, "start"):
                    tracker.start()
                tracker.store_init_configuration(_recipe(run))
            except Exception as error:  # their own kinds of errors
                self.finish()
                raise UserError(f"--track {kind}: does not start: {_first_line(error)}") from None
            self._trackers[kind] = tracker

    def log(self, result: EpochResult) -> list[str]:
        """Record an epoch, with its number as the step.

        Returns:
            a message for each tracker that failed: it gets nothing more, and the training goes on.
        """
        values = {
            "loss/train": result.train_loss,
            "loss/val": result.val_loss,
            "accuracy/val": result.val_accuracy,
            "accuracy/val_balanced": result.val_balanced_accuracy,
            "learning_rate": result.lr,
            "seconds": result.seconds,
        }
        return self._each(lambda tracker: tracker.log(values, step=result.epoch))

    def finish(self) -> list[str]:
        """Write what is left, and return a message for each tracker that failed."""
        failed = self._each(lambda tracker: tracker.finish())
        self._trackers = {}
        return failed

    def _each(self, do: Callable[[Any], object]) -> list[str]:
        failed = []
        for kind, tracker in list(self._trackers.items()):
            try:
                do(tracker)
            except Exception as error:  # a tracker must never end a training
                failed.append(f"tracking: {kind} failed and gets nothing more: {_first_line(error)}")
                del self._trackers[kind]
        return failed


_ours: dict[str, str] = {}
"""Environment variables that `_default` has set."""


def _default(variable: str, value: str) -> bool:
    """Set an environment variable unless the user has; return whether it is this program's.

    A process that trains several runs sets it anew for each.
    """
    if os.environ.get(variable, _ours.get(variable)) != _ours.get(variable):
        return False
    os.environ[variable] = _ours[variable] = value
    return True


def _database(folder: Path) -> str:
    """Return the address of MLflow's database in a folder (MLflow no longer writes plain files)."""
    return f"sqlite:///{(folder / 'mlflow.db').resolve().as_posix()}"


def _first_line(error: Exception) -> str:
    """Return an error's class and the first line of its message."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])


def _recipe(run: Path) -> dict[str, str | int | float | bool]:
    """Return the recipe of a run, flattened; lists are text, as trackers take plain values only."""
    file = run / runs.RECIPE
    values = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return dict(_flat(values, ""))


def _flat(values: dict[str, Any], before: str) -> list[tuple[str, str | int | float | bool]]:
    found: list[tuple[str, str | int | float | bool]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{before}{key}.")
        elif value is not None:
            found.append((before + key, value if isinstance(value, str | int | float | bool) else str(value)))
    return found
