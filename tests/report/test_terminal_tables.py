"""Terminal tables of a benchmark."""

from __future__ import annotations

from edgewbc.bench.compare import Change, Comparison, RowComparison
from edgewbc.report.terminal import render_comparison
from edgewbc.report.terminal_tables import fit, shorten


def test_columns_that_do_not_fit_are_left_out_by_rank() -> None:
    """The highest rank goes first, rank 0 never; only then is the name cut, in the middle."""
    header = ["name", "one", "two", "three"]
    line = ["n" * 30, "1" * 30, "2" * 30, "3" * 30]
    assert fit(header, [line], [0, 0, 2, 1]).splitlines()[0].split() == ["name", "one", "three"]
    everything = fit(header, [line], [0, 0, 0, 0])
    assert everything.splitlines()[1].split() == ["nnnnnn..nnnnnn", "1" * 30, "2" * 30, "3" * 30]
    assert (shorten("wbc5-accurate", 10), shorten("wbc5-edge", 10)) == ("wbc5..rate", "wbc5-edge")


def test_comparison_fits_too() -> None:
    """The name of the row, both ratios and the verdict are kept."""
    change = Change(0.5, (0.45, 0.55))
    row = RowComparison("wbc5-accurate/openvino/int8", (112, 112), change, change, "slower", "same", 3, 0.25)
    text = render_comparison(Comparison((), "images per second", (row,), ("a/onnx/f32",), ()))
    assert max(map(len, text.splitlines())) <= 80
    assert "0.500" in text
    assert "slower" in text
    assert "only in the first: a/onnx/f32" in text
