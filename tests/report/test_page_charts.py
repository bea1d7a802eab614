"""edgewbc.report.page_charts: the charts of the page, as text."""

from __future__ import annotations

from tests.report.page_reader import Reader


def test_charts_have_their_values_in_words(read: Reader) -> None:
    """For those who do not see them: every chart, at both widths, has a label with its figures."""
    labels = read.attributes("aria-label")
    for label in (
        "Accuracy over images per second of 1 rows. On the front: 1. The table has the figures.",
        "Images per second in each round. 1: small openvino int8: 1,000, 1,100, 1,200, median 1,100; "
        "2: whole openvino f32: 100, 100, 100, median 100.",
        "Milliseconds per image. 1: small openvino int8: p50 0.800, p95 1.00, p99 1.25, of 600 images; "
        "2: whole openvino f32: p50 12.0, p95 14.0, p99 15.0, of 60 images.",
        "Share of the measured peak. 1 openvino int8 small, delivered: 28 %, 275 of 1,000 GMAC/s.",
        "Recall by class. neutrophil: recall 75.00 % (30.06\u201395.44 %), n = 4, precision 100.00 %; "
        "monocyte: recall 100.00 % (51.01\u2013100.00 %), n = 4, precision 80.00 %.",
        "Share of correct predictions over confidence. confidence 50\u201360 %: 50.0 % correct, n = 2; "
        "confidence 90\u2013100 %: 100.0 % correct, n = 6.",
    ):
        assert labels.count(label) == 2


def test_charts_have_their_values_as_text(read: Reader) -> None:
    """Names and figures beside the rows can be searched and copied."""
    for words in ("1,100 images/s spread 18.2 % !", "0.800 ms p95 1.00, p99 1.25", "28 % 275 of 1,000 GMAC/s"):
        assert read.text.count(words) == 2
