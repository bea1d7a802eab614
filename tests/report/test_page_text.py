"""edgewbc.report.page_text: the sentences of the page."""

from __future__ import annotations

from dataclasses import replace

from edgewbc.bench.result import BenchResult
from edgewbc.report import page
from tests.report.page_reader import Reader


def test_the_first_sentence_has_the_delivered_row(read: Reader) -> None:
    """Counts, accuracy with interval, throughput, ratio with its range, latency, size."""
    assert (
        "small in int8 with openvino: 7 of 8 images correct (87.50 %, 95 % interval 52.91\u201397.76 %), 1,100 images "
        "per second, 11.0\u00d7 the throughput of the baseline (whole openvino f32; 10.0\u201312.0\u00d7 over the "
        "rounds), 0.800 ms per image (median; 99 % within 1.25 ms), 2.50 MB."
    ) in read.text


def test_facts_name_data_machine_and_protocol(read: Reader, result: BenchResult) -> None:
    """The part of the split, the complete hash of the manifest, the date, the machine, the peak."""
    for words in (
        "Data pbc, test split: 8 images, sampled evenly from 1547 Protocol published Manifest " + "cd" * 32,
        "Date 2026-01-02 03:04 UTC Machine A CPU, 2 cores, 16 GB of memory Instructions AVX-512 System Linux 6",
        "Measured 3 rounds of 2 s per mode: in turns; threads chosen by each runtime",
        "Peaks int8 1,000 GMAC/s",
        "A research tool, not a medical device.",
        "marked ! are unsteady: their rounds differ by more than 10 % of their median (1: small openvino int8)",
    ):
        assert words in read.text


def test_the_reference_is_named_only_where_it_applies(result: BenchResult, read: Reader) -> None:
    """Under a protocol of the literature; not for synthetic images, and not for a laboratory's own cells."""
    assert "The reference of ~99 % is reached by no row under protocol published" in read.text
    assert "2,503 test images of 4 classes, under the protocol named poster" in read.text
    for data in (
        replace(result.data, source="synthetic"),
        replace(result.data, source="folder", protocol="grouped"),
        replace(result.data, protocol=None),
    ):
        text = page.html(replace(result, data=data))
        assert "99 %</" not in text
        assert "~99" not in text
        assert "poster" not in text
    synthetic = Reader(page.html(replace(result, data=replace(result.data, source="synthetic")))).text
    assert synthetic.index("These images are synthetic") < synthetic.index("All rows")


def test_problems_are_listed(result: BenchResult) -> None:
    """Another precision than requested, a faster benchmark_app with other threads, a missing peak, a busy machine."""
    first, second = result.measured
    assert first.benchmark_app is not None
    first = replace(
        first, timing=replace(first.timing, precision_ran="f32"), peak_share=None,
        benchmark_app=replace(first.benchmark_app, near=False, alike=False),
    )  # fmt: skip
    second = replace(second, benchmark_app_error="no such file")
    changed = replace(
        result, protocol=replace(result.protocol, load_before=0.5), peaks={}, peak_errors={"int8": "refused"}
    ).with_rows(first, second)
    text = Reader(page.html(changed)).text
    for words in (
        "Disturbed: other programs used 50 % of the machine before, and 0 % (at most 2 %) during the measurements.",
        "1: small openvino int8: int8 was requested, but it ran in f32.",
        "1: small openvino int8: benchmark_app is faster by more than 3 %.",
        "1: small openvino int8: benchmark_app ran with a different number of threads or streams.",
        "2: whole openvino f32: no benchmark_app: no such file.",
        "No peak of int8: refused.",
    ):
        assert words in text


def test_command_that_repeats_it(result: BenchResult) -> None:
    """Models, split, limit, seconds, rounds, threads, batch and baseline as they were."""
    protocol = replace(result.protocol, threads=2, batches=(8,), seconds=0.5)
    text = Reader(page.html(replace(result, protocol=protocol))).text
    assert (
        "edgewbc bench --device cpu --model small --model whole --data MANIFEST --split test --limit 8 "
        "--seconds 0.5 --rounds 3 --threads 2 --batch 8 --out again.json --report again.html"
    ) in text
    named = replace(result.measured[1], model="vgg16gap-224")  # no path leads to it
    with_baseline = replace(result, protocol=replace(protocol, baseline=224)).with_rows(result.measured[0], named)
    assert "--model small --baseline 224 --data MANIFEST" in Reader(page.html(with_baseline)).text
