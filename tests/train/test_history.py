"""Tests of `edgewbc.train.history`."""

import json
from pathlib import Path

import pytest

from edgewbc.train.history import METRICS, EpochResult, best_epoch, out_of_patience, write_metrics


def result(epoch: int, accuracy: float = 0.5, loss: float = 1.0) -> EpochResult:
    """An epoch with the given validation scores."""
    return EpochResult(
        epoch=epoch, protocol="grouped", lr=1e-4, train_loss=1.5, val_loss=loss, val_n=20, val_correct=10,
        val_accuracy=accuracy, val_interval=(0.3, 0.7), val_balanced_accuracy=accuracy, seconds=2.5,
    )  # fmt: skip


def test_best_epoch_has_the_highest_accuracy_then_the_lowest_loss() -> None:
    """Accuracy decides before loss, and of equal epochs the first is best."""
    epochs = [result(1, 0.6, 0.1), result(2, 0.8, 0.9), result(3, 0.8, 0.7), result(4, 0.8, 0.7)]
    assert best_epoch(epochs).epoch == 3


@pytest.mark.parametrize(("patience", "expected"), [(0, False), (1, True), (2, True), (3, False)])
def test_patience_counts_epochs_since_the_best(patience: int, expected: bool) -> None:
    """Two epochs after the best one, a patience of up to 2 is used up; 0 never is."""
    epochs = [result(1, 0.6), result(2, 0.8), result(3, 0.7), result(4, 0.7)]
    assert out_of_patience(epochs, patience) is expected
    assert not out_of_patience([], patience)


def test_metrics_file_round_trip(tmp_path: Path) -> None:
    """The file has one JSON object per epoch with the documented keys, and is read back unchanged."""
    epochs = [result(1), result(2)]
    write_metrics(tmp_path, epochs)
    first, second = (json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines())
    assert list(first) == [
        "epoch", "protocol", "lr", "train_loss", "val_loss", "val_n", "val_correct", "val_accuracy", "val_interval",
        "val_balanced_accuracy", "seconds",
    ]  # fmt: skip
    assert first["val_interval"] == [0.3, 0.7]
    assert [EpochResult.from_json(values) for values in (first, second)] == epochs
