"""Tests of `edgewbc.evaluation.text`."""

from __future__ import annotations

from dataclasses import replace

from edgewbc.evaluation import text
from edgewbc.metrics import score
from tests.evaluation.results import RESULT


def test_headline_identifies_model_and_data() -> None:
    """Accuracy, interval, counts, protocol and both hashes are in one line."""
    assert text.headline(RESULT) == (
        "accuracy 75.00 % (30.06-95.44 %), 3 of 4, pbc published test, int8 openvino, "
        "model aaaaaaaaaaaa, manifest bbbbbbbbbbbb"
    )


def test_probability_scores() -> None:
    """Scores have five decimals, enough to tell good networks apart."""
    line = text.probability_scores(replace(RESULT, brier=0.0124812, log_loss=0.0598))
    assert line == "probabilities: Brier score 0.01248, log loss 0.05980 (lower is better)"


def test_undefined_values_are_dashes() -> None:
    """Undefined scores of a class without images are shown as dashes."""
    line = text.class_table(RESULT).splitlines()[3]
    assert line.split() == ["c", "0", "-", "-", "-", "-"]


def test_confusion_table_has_a_row_per_class() -> None:
    """Rows are true classes, columns predictions."""
    lines = text.confusion_table(RESULT).splitlines()
    assert lines[1].split() == ["a", "2", "1", "0"]
    assert len(lines) == 4


def test_remarks_on_limitations() -> None:
    """Poor calibration and a single class are mentioned; an ordinary evaluation has no remark."""
    assert text.remarks(replace(RESULT, calibration_error=0.05)) == []
    assert text.remarks(replace(RESULT, calibration_error=None)) == []
    (line,) = text.remarks(replace(RESULT, calibration_error=0.245))
    assert line.startswith("the probabilities are not to be trusted: on average they are 24.5 points away")
    (line,) = text.remarks(replace(RESULT, **vars(score([0, 0], [0, 1], ("neutrophil", "monocyte")))))
    assert line.startswith("all images are of one class (neutrophil)")
    empty = replace(RESULT, **vars(score([], [], ("neutrophil", "monocyte"))), calibration_error=None)
    assert text.remarks(empty) == []
