"""Tests of `edgewbc.utils.text`."""

from __future__ import annotations

from edgewbc.metrics import score
from edgewbc.utils import text

RESULT = score([0, 0, 0, 1], [0, 0, 1, 1], ("a", "b", "c")) | {
    "model": "wbc",
    "reference": {},
    "source": "pbc",
    "protocol": "published",
    "split": "test",
    "precision": "int8",
    "backend": "openvino",
    "model_sha256": "a" * 64,
    "manifest_sha256": "b" * 64,
}


def test_table_is_aligned() -> None:
    """The first column is left-aligned, the others right-aligned; no line ends with blanks."""
    assert text.table(["x", "n"], [["one", "1"], ["b", "222"]]) == "x      n\none    1\nb    222"


def test_headline_identifies_model_and_data() -> None:
    """Accuracy, interval, counts, protocol and both hashes are in one line."""
    assert text.headline(RESULT) == (
        "accuracy 75.00 % (30.06-95.44 %), 3 of 4, pbc published test, int8 openvino, "
        "model aaaaaaaaaaaa, manifest bbbbbbbbbbbb"
    )


def test_probability_scores() -> None:
    """Scores have five decimals, enough to tell good networks apart."""
    line = text.probability_scores({"brier": 0.0124812, "log_loss": 0.0598})
    assert line == "probabilities: Brier score 0.01248, log loss 0.05980 (lower is better)"


def test_undefined_values_are_dashes() -> None:
    """Undefined scores of a class without images are shown as dashes."""
    line = text.class_table(RESULT).splitlines()[3]
    assert line.split() == ["c", "0", "-", "-", "-", "-"]
    assert text.percent(None) == "-"
    assert text.interval(None) == "-"


def test_confusion_table_has_a_row_per_class() -> None:
    """Rows are true classes, columns predictions."""
    lines = text.confusion_table(RESULT).splitlines()
    assert lines[1].split() == ["a", "2", "1", "0"]
    assert len(lines) == 4


def test_remarks_on_limitations() -> None:
    """Poor calibration and a single class are mentioned; an ordinary evaluation has no remark."""
    classes = {"neutrophil": {"n": 5}, "monocyte": {"n": 3}}
    assert text.remarks({"per_class": classes, "calibration_error": 0.05}) == []
    assert text.remarks({"per_class": classes, "calibration_error": None}) == []
    (line,) = text.remarks({"per_class": classes, "calibration_error": 0.245})
    assert line.startswith("the probabilities are not to be trusted: on average they are 24.5 points away")
    (line,) = text.remarks({"per_class": {**classes, "monocyte": {"n": 0}}, "calibration_error": 0.01})
    assert line.startswith("all images are of one class (neutrophil)")
