"""Tests of `edgewbc.report.training_figures` and of the confusion matrix in a run folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.images.decode import decode
from edgewbc.report import training_figures
from edgewbc.train.history import Confusion, EpochResult, read_confusion, read_metrics, write_metrics


def test_figures_of_a_run(tmp_path: Path) -> None:
    """Curves of several epochs and of one, and the matrix, are drawn; without metrics, nothing is."""
    assert training_figures.draw(tmp_path) == []
    epochs = [
        EpochResult(n, "grouped", 1e-3, 2 / n, 3 / n, 10, 5, 0.5 + n / 100, (0.3, 0.7), 0.5, 2.0) for n in (1, 2, 3)
    ]
    Confusion(2, ("neutrophil", "a <b> $x$"), ((3, 0), (1, 0))).write(tmp_path)
    for shown in (epochs[:1], epochs):
        write_metrics(tmp_path, shown)
        assert read_metrics(tmp_path) == shown
        curves, matrix = training_figures.draw(tmp_path)
        assert decode(curves.read_bytes()).image.shape == (600, 1440, 3)
        assert decode(matrix.read_bytes()).image.shape == (584, 624, 3)


def test_many_classes_have_no_matrix(tmp_path: Path) -> None:
    """A matrix that nobody could read is not drawn, but it is in the file."""
    names = tuple(f"c{i}" for i in range(41))
    made = Confusion(1, names, tuple((0,) * 41 for _ in names))
    made.write(tmp_path)
    assert training_figures.draw(tmp_path) == []
    assert read_confusion(tmp_path) == made


def test_damaged_files_are_named(tmp_path: Path) -> None:
    """A damaged file is an error of one line."""
    (tmp_path / "metrics.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=r"metrics.jsonl: not the metrics of a training"):
        read_metrics(tmp_path)
    (tmp_path / "confusion.json").write_text("{}\n")
    with pytest.raises(UserError, match=r"confusion.json: not a confusion matrix"):
        read_confusion(tmp_path)
