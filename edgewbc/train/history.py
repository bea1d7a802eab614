"""Training history: one record per epoch, which epoch is the best, and the callbacks that follow a training."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

from edgewbc.errors import UserError
from edgewbc.utils.files import read_json, write_text

METRICS = "metrics.jsonl"
"""File in a run folder with one JSON object per epoch."""

CONFUSION = "confusion.json"
"""File in a run folder with the confusion matrix of the best epoch so far, on the validation images."""


@dataclass(frozen=True)
class EpochResult:
    """Losses and validation scores of one epoch; one line of `metrics.jsonl`.

    Attributes:
        epoch: number of the epoch, from 1.
        protocol: how the manifest was split.
        lr: learning rate at the end of the epoch.
        train_loss: mean over the training images of the epoch, teacher terms included.
        val_loss: mean cross-entropy on the validation images.
        val_n: number of validation images.
        val_correct: how many of them were classified correctly.
        val_accuracy: `val_correct / val_n`.
        val_interval: Wilson 95 % interval of the accuracy.
        val_balanced_accuracy: mean recall over the classes that have validation images.
        seconds: duration, validation included.
    """

    epoch: int
    protocol: str
    lr: float
    train_loss: float
    val_loss: float
    val_n: int
    val_correct: int
    val_accuracy: float
    val_interval: tuple[float, float]
    val_balanced_accuracy: float
    seconds: float

    @property
    def rank(self) -> tuple[float, float]:
        """Sort key: higher validation accuracy is better, then lower validation loss."""
        return self.val_accuracy, -self.val_loss

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON types, keyed by attribute name."""
        return {**asdict(self), "val_interval": list(self.val_interval)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EpochResult:
        """Return the record that `to_json` gave."""
        low, high = values["val_interval"]
        return cls(**{**values, "val_interval": (low, high)})


BatchCallback = Callable[[int, int, int], None]
"""Called after each batch with the epoch (from 1), the batches done and the batches of the epoch."""

EpochCallback = Callable[[EpochResult], None]
"""Called after each epoch, once its checkpoint is on disk."""


RunCallback = Callable[[Path, int], None]
"""Called at the start of a training, with its run folder and the number of epochs."""


class TrainingCallbacks(TypedDict, total=False):
    """Keyword arguments that every function which trains passes on to `loop.fit`."""

    opened: RunCallback | None
    progress: BatchCallback | None
    report: EpochCallback | None


def best_epoch(epochs: Sequence[EpochResult]) -> EpochResult:
    """Return the epoch with the highest rank, the first of equals."""
    return max(epochs, key=lambda each: each.rank)


def out_of_patience(epochs: Sequence[EpochResult], patience: int) -> bool:
    """Return whether the last `patience` epochs brought no improvement; never with a patience of 0."""
    if not patience or not epochs:
        return False
    return epochs[-1].epoch - best_epoch(epochs).epoch >= patience


def write_metrics(run: Path, epochs: Sequence[EpochResult]) -> None:
    """Write `metrics.jsonl` into a run folder."""
    write_text(run / METRICS, "".join(json.dumps(each.to_json()) + "\n" for each in epochs))


def read_metrics(run: Path) -> list[EpochResult]:
    """Return the epochs of a run folder; none if it has no `metrics.jsonl`.

    Raises:
        UserError: the file is damaged.
    """
    path = run / METRICS
    if not path.is_file():
        return []
    try:
        return [EpochResult.from_json(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not the metrics of a training: {error!r}") from None


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix on the validation images.

    Attributes:
        epoch: number of the epoch, from 1.
        classes: names.
        counts: rows are the true classes, columns the predicted ones.
    """

    epoch: int
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def write(self, run: Path) -> None:
        """Write `confusion.json` into a run folder."""
        rows = ",\n  ".join(json.dumps(line) for line in self.counts)
        classes = json.dumps(self.classes, ensure_ascii=False)
        text = f'{{\n "epoch": {self.epoch},\n "classes": {classes},\n "counts": [\n  {rows}\n ]\n}}\n'
        write_text(run / CONFUSION, text)


def read_confusion(run: Path) -> Confusion | None:
    """Return the confusion matrix in a run folder; None if it has none.

    Raises:
        UserError: the file is damaged.
    """
    path = run / CONFUSION
    if not path.is_file():
        return None
    values = read_json(path, "a confusion matrix")
    try:
        counts = tuple(tuple(int(n) for n in line) for line in values["counts"])
        return Confusion(int(values["epoch"]), tuple(map(str, values["classes"])), counts)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a confusion matrix: {error!r}") from None
