"""edgewbc.utils.text: results as plain text."""

from __future__ import annotations

from edgewbc.metrics import score
from edgewbc.utils import text

RESULT = score([0, 0, 0, 1], [0, 0, 1, 1], ("a", "b", "c")) | {
    "source": "pbc",
    "protocol": "published",
    "split": "test",
    "precision": "int8",
    "backend": "openvino",
    "model_sha256": "a" * 64,
    "manifest_sha256": "b" * 64,
}


def test_table_is_aligned() -> None:
    """The first column is aligned left, the others right, with no blanks at the end of a line."""
    assert text.table(["x", "n"], [["one", "1"], ["b", "222"]]) == "x      n\none    1\nb    222"


def test_headline_says_of_what_on_what() -> None:
    """Accuracy, interval, n, protocol and both hashes stand in one line."""
    assert text.headline(RESULT) == (
        "accuracy 75.00 % (30.06-95.44 %), 3 of 4, pbc published test, int8 openvino, "
        "model aaaaaaaaaaaa, manifest bbbbbbbbbbbb"
    )


def test_probabilities_have_a_line() -> None:
    """With digits enough to tell good networks apart."""
    said = text.worth({"brier": 0.0124812, "log_loss": 0.0598})
    assert said == "probabilities: Brier score 0.01248, log loss 0.05980 (the less the better)"


def test_undefined_values_are_dashes() -> None:
    """A class without pictures shows dashes."""
    line = text.class_table(RESULT).splitlines()[3]
    assert line.split() == ["c", "0", "-", "-", "-", "-"]
    assert text.percent(None) == "-"
    assert text.interval(None) == "-"


def test_confusion_has_a_row_a_class() -> None:
    """Rows are the true class."""
    lines = text.confusion_table(RESULT).splitlines()
    assert lines[1].split() == ["a", "2", "1", "0"]
    assert len(lines) == 4
