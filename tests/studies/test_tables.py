"""Tests of `bench.tables`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.readme import draw
from bench.tables import accuracy_table, headline, results, speed_table
from edgewbc.bench.end_to_end_result import EndToEndResult, ProcessesSpeed
from edgewbc.bench.process_metrics import MemoryUse, StartupTime
from edgewbc.errors import UserError
from edgewbc.utils.files import write_json
from tests.evaluation.results import RESULT
from tests.report.results import by_hand
from tests.studies.peers.test_report import results as peers
from tests.tiny import make_bundle

LAB = Path(__file__).parents[2] / "bench" / "results" / "lab.json"
EVAL = RESULT.to_json()
BENCH = by_hand()


def test_accuracy_row() -> None:
    """The row has protocol, n, correct, interval and the first 12 digits of both hashes."""
    lines = accuracy_table([RESULT]).splitlines()
    line = lines[2]
    assert lines[-1] == "Manifests: pbc `published` `bbbbbbbbbbbb`."
    assert line == (
        "| wbc | int8 | openvino | pbc, `published`, test | 3 of 4 | 75.00 % | 30.06-95.44 % | 83.33 % | "
        "`aaaaaaaaaaaa` |"
    )


def test_models_that_are_evaluated_on_several_views_are_named() -> None:
    """Once each, below the table."""
    several = replace(RESULT, model="located", views=6)
    text = accuracy_table([RESULT, several, replace(several, backend="onnx")])
    assert text.endswith("`bbbbbbbbbbbb`. The label of located is that of the mean of 6 views of a cell.")


def test_rows_of_files_that_were_renewed_are_named(tmp_path: Path) -> None:
    """A bundle of the same name whose model has another hash, or that holds none for this backend."""
    bundle = make_bundle(tmp_path / "small")
    row = next(row for row in BENCH.measured if row.model == "small")
    held = replace(row, timing=replace(row.timing, model_sha256=bundle.model_sha256("openvino", "int8")))
    assert "renewed" not in speed_table(BENCH.with_rows(held), tmp_path)
    text = speed_table(BENCH.with_rows(held, replace(row, backend="onnx"), row), tmp_path)
    assert text.endswith("whose speed may differ by now: small onnx int8, small openvino int8.")


def test_speed_is_a_ratio_in_one_run() -> None:
    """Each measured row has its ratio; the text below names baseline, machine, rounds and protocol."""
    lines = speed_table(BENCH).splitlines()
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert lines[2] == (
        "| small | openvino | int8 | 0.25 | 100 % | 1100! | 11.00 (10.00-12.00) | 0.80 / 1.00 / 1.25 | 2.50 | 120 | "
        "7 of 8 | 28 % | 1000 |"
    )
    assert lines[3] == (
        "| whole | openvino | f32 | 3.84 | - | 100 | 1.00 | 12.0 / 14.0 / 15.0 | 59.2 | 640 | - | - | - |"
    )
    assert lines[4] == ""
    assert lines[5] == (
        "Measured in one run on A CPU, 2 cores, AVX-512. The ratio is to whole, openvino f32. 3 interleaved rounds of "
        "2 s: medians, and the range of the ratio. Peak: a plain convolution in OpenVINO, int8 1000 GMAC/s. In "
        "integers: the share of the multiply-adds, read back from what the runtime made of the model. !: the rounds "
        "differ by more than 10 %. Correct: on pbc, protocol `published`, test, n = 8, manifest `cdcdcdcdcdcd`."
    )


def test_columns_without_a_figure_are_left_out() -> None:
    """Without int8, share of the peak and benchmark_app, the table does not have their columns."""
    lines = speed_table(BENCH.with_rows(BENCH.measured[1])).splitlines()
    assert lines[0].endswith("| memory, MB |")
    assert "integers" not in "".join(lines)


def test_headline_has_a_row_for_each_network(tmp_path: Path) -> None:
    """A row has accuracy, interval, ratio and size; versions and machine are below the table."""
    assert headline(tmp_path) == "No results have been committed yet."
    write_json(tmp_path / "bench-cpu.json", BENCH.to_json())
    lines = headline(tmp_path).splitlines()
    assert lines[2:4] == [
        "| small | int8 | 87.50 % (7 of 8) | 52.91-97.76 % | 11 | 2.50 |",
        "| whole | f32 | - | - | 1 | 59.2 |",
    ]
    assert lines[5] == (
        "Accuracy on pbc, protocol `published`, test split; OpenVINO on A CPU, 2 cores, in one run. Speed is the "
        "throughput over that of whole in f32."
    )


def test_synthetic_accuracy_is_left_out(tmp_path: Path) -> None:
    """Neither an evaluation nor a benchmark on synthetic images gives an accuracy."""
    assert results(tmp_path).endswith("No results have been committed yet.")
    write_json(tmp_path / "eval-a.json", EVAL | {"source": "synthetic"})
    assert results(tmp_path).endswith("No results have been committed yet.")
    drawn = replace(BENCH, data=replace(BENCH.data, source="synthetic"))
    assert "7 of 8" not in speed_table(drawn)
    assert "Timed on synthetic images." in speed_table(drawn)


def test_sections_are_in_order(tmp_path: Path) -> None:
    """Evaluations come first, sorted by file name, then the benchmark; a file of another kind is an error."""
    write_json(tmp_path / "eval-b.json", EVAL | {"model": "second"})
    write_json(tmp_path / "eval-a.json", EVAL | {"model": "first"})
    write_json(tmp_path / "bench-cpu.json", BENCH.to_json())
    text = results(tmp_path)
    assert text.index("| first") < text.index("| second") < text.index("speed ratio")
    write_json(tmp_path / "eval-c.json", {"source": "pbc"})
    with pytest.raises(UserError, match="is not a result of this version"):
        results(tmp_path)


def test_peers_have_a_section(tmp_path: Path) -> None:
    """The section has the table, and the figure if it exists."""
    pytest.importorskip("matplotlib")
    write_json(tmp_path / "peers.json", peers())
    text = results(tmp_path)
    assert "## Comparison with other toolkits" in text
    assert "| ultralytics | yolo11n-cls 64 |" in text
    assert "peers-front.svg" not in text
    draw(tmp_path)
    assert "](../bench/results/peers-front.svg)" in results(tmp_path)


def test_from_file_to_label(tmp_path: Path) -> None:
    """Throughput, its limit and the share of it are given; cold start and memory only if they were measured."""
    result = EndToEndResult.read(LAB)
    speed = replace(
        result.speed, images_per_s=1836.4, limit_images_per_s=2457.7, ratio=0.788, ratio_alone=0.712, decode_ms=0.73,
        inference_ms=0.09, processes=None,
    )  # fmt: skip
    short = replace(result, bundle="wbc", speed=speed, cold_start=None, help_time=None, memory=None, live=None)
    write_json(tmp_path / "lab.json", short.to_json())
    text = results(tmp_path)
    assert "## From file to label" in text
    assert "wbc int8 classifies 1,836 images/s from file to label, on 1,547 images of pbc: 79 % of the limit" in text
    assert "(2,458) that follows from 0.73 ms of decoding and 0.09 ms of inference per image" in text
    assert "the figure is 71 % of what as many cores would reach with the PC to themselves." in text
    assert "in memory at a time" not in text
    assert "process per core" not in text
    assert "Peak memory" not in text
    processes = ProcessesSpeed(2340.2, 0.952, 1.274, 163.2)
    write_json(tmp_path / "lab.json", replace(short, speed=replace(speed, processes=processes)).to_json())
    assert "2,340 images/s: 1.27 times as fast, 95 % of the limit, for 163 MB of memory each." in results(tmp_path)
    cold_start, help_time = StartupTime(0.42, (0.42,)), StartupTime(0.12, (0.12,))
    whole = replace(
        short,
        cold_start=cold_start,
        help_time=help_time,
        memory=MemoryUse(100000, 166.4, seconds=60, images_per_s=1700),
    )
    write_json(tmp_path / "lab.json", whole.to_json())
    assert "0.42 s; `edgewbc --help`: 0.12 s. Peak memory over 100,000 images: 166 MB." in results(tmp_path)
