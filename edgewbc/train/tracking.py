"""Experiment trackers: TensorBoard, MLflow and Weights & Biases, by accelerate's trackers. None is on by default.

None uses the network unless the user has asked for it: TensorBoard and MLflow write into the run folder, unless
MLFLOW_TRACKING_URI names a server, and Weights & Biases is offline, unless WANDB_MODE says otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
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
        """Start the trackers; the recipe in the run folder is recorded, flattened to dotted keys."""
        from accelerate import tracking

        folder = run / FOLDER
        folder.mkdir(exist_ok=True)
        if Tracker.MLFLOW in kinds:
            os.environ.setdefault("MLFLOW_TRACKING_URI", (folder / "mlruns").resolve().as_uri())
        if Tracker.WANDB in kinds:
            os.environ.setdefault("WANDB_MODE", "offline")
            os.environ.setdefault("WANDB_DIR", str(folder.resolve()))
        self._trackers: list[Any] = []
        for kind in kinds:
            made = tracking.LOGGER_TYPE_TO_CLASS[kind.value]
            places = (str(folder),) if made.requires_logging_directory else ()
            tracker = made(run.name, *places)
            if hasattr(tracker, "start"):
                tracker.start()
            tracker.store_init_configuration(_recipe(run))
            self._trackers.append(tracker)

    def log(self, result: EpochResult) -> None:
        """Record an epoch, with its number as the step."""
        values = {
            "loss/train": result.train_loss,
            "loss/val": result.val_loss,
            "accuracy/val": result.val_accuracy,
            "accuracy/val_balanced": result.val_balanced_accuracy,
            "learning_rate": result.lr,
            "seconds": result.seconds,
        }
        for tracker in self._trackers:
            tracker.log(values, step=result.epoch)

    def finish(self) -> None:
        """Write what is left."""
        for tracker in self._trackers:
            tracker.finish()
        self._trackers = []


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
