"""edgewbc.report.page_tables: the tables of the page."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from edgewbc.bench.result import BenchResult
from edgewbc.report import page
from tests.report import results
from tests.report.page_reader import Reader

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


def test_the_table_has_all_rows(read: Reader) -> None:
    """Each row with its figures, the failed one with its reason; what is not known is a dash."""
    overview = read.text.split("All rows")[1].split("To baseline:")[0]
    heads, rows = overview.split("memory MB")
    assert " ".join(heads.split()) == (
        "# row accuracy 95 % interval correct images/s to baseline p50 ms p99 ms MB GMAC"
    )
    assert " ".join(rows.split()) == (
        "1 openvino int8 small, delivered 87.50 % 52.91\u201397.76 % 7 of 8 1,100 ! 11.0\u00d7 0.800 1.25 "
        "2.50 0.250 120 "
        "2 openvino f32 whole, baseline - - - 100 1.00\u00d7 12.0 15.0 59.2 3.84 640 "
        "3 onnx int8 small not measured: out of memory"
    )


def test_details_of_a_row(read: Reader) -> None:
    """Rounds, threads and streams, benchmark_app; latency; kernels, version, input and hash."""
    for words in (
        "delivered 1,100 ! 1,000\u20131,200 10.0\u201312.0\u00d7 8 2 \u00d7 2 1.9 1,000 1.10\u00d7",
        "1 openvino int8 small, delivered 0.800 0.900 1.00 1.25 600 0.800\u20130.810 2 \u00d7 1 0.250 90.0",
        "1 openvino int8 small, delivered int8 15 u8, 2 f32 99.50 % AVX2 1 80 \u00d7 80 2.50 abababababab",
        "1 openvino int8 small, delivered 87.50 % 0.8730 0.0350 87.50 % 0 : 1, p = 1 0.2 row 2",
    ):
        assert words in read.text


def test_confusion_matrix(read: Reader, result: BenchResult) -> None:
    """Counts and percent of the true class, abbreviated headers; the shade is the root of the share."""
    matrix = read.text.split("true \\ predicted")[1].split("Recall by class")[0]
    assert " ".join(matrix.split()) == ("NEU MON neutrophil n = 4 3 75.0 % 1 25.0 % monocyte n = 4 0 4 100.0 %")
    styles = [one for one in read.attributes("style") if one.startswith("--share")]
    assert styles == ["--share:0.87", "--share:0.50", "--share:0.00", "--share:1.00"]


def test_rows_with_equal_matrices_share_one() -> None:
    """Six rows with three different matrices, that of the delivered row first."""
    text = page.html(results.make(results.manifest(Path("nowhere"))))
    assert [unescape(label) for label in re.findall(r'aria-label="Confusion matrix of ([^"]*)"', text)] == [
        "1: small openvino int8, 2: small onnx int8",
        "3: whole torch f32, 4: whole onnx f32, 5: whole openvino f32",
        "6: whole openvino bf16",
    ]
