"""bench.tables: Markdown from committed results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.readme import draw
from bench.tables import accuracy_table, results, speed_table
from edgewbc.errors import UserError
from edgewbc.utils.files import write_json
from tests.studies.peers.test_report import results as peers
from tests.utils.test_text import RESULT

EVAL = RESULT | {"model": "wbc"}
ROW = {
    "model": "wbc", "backend": "openvino", "precision": "int8", "input": [112, 112], "gmac": 0.2441,
    "images_per_s": 1459.2, "speedup": 3.55, "latency_ms": {"p50": 0.8, "p95": 1.0, "p99": 12.34, "n": 9}, "threads": 2,
    "batch": 8, "size_mb": 3.7, "rss_mb": 150.2, "accuracy": 0.75, "interval": [0.3, 0.95], "correct": 3, "n": 4,
    "model_sha256": "a" * 64, "baseline": False,
}  # fmt: skip
BENCH: dict[str, Any] = {
    "machine": {"cpu": "A CPU", "cores": 2, "isa": "AVX2"},
    "data": {"source": "pbc", "protocol": "published", "split": "test", "n": 4, "of": 4, "manifest_sha256": "b" * 64},
    "rows": [ROW, ROW | {"precision": "f32", "speedup": 1.0, "baseline": True}, {"error": "refused"}],
}


def test_accuracy_row_says_of_what_on_what() -> None:
    """Protocol, n, correct, interval and the first 12 digits of both hashes stand in the row."""
    lines = accuracy_table([EVAL]).splitlines()
    line = lines[2]
    assert lines[-1] == "Manifests: pbc `published` `bbbbbbbbbbbb`."
    assert line == (
        "| wbc | int8 | openvino | pbc, `published`, test | 3 of 4 | 75.00 % | 30.06-95.44 % | 83.33 % | "
        "`aaaaaaaaaaaa` |"
    )


def test_speed_is_a_ratio_in_one_run() -> None:
    """Each measured row has its ratio; the words below name baseline, machine and protocol."""
    text = speed_table(BENCH)
    lines = text.splitlines()
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert "| 3.55 | 0.80 / 1.00 / 12.3 |" in lines[2]
    assert lines[2].endswith("| 3 of 4 |")
    assert lines[4] == ""
    assert "A CPU, 2 cores, AVX2. The ratio is to wbc, openvino f32." in lines[5]
    assert "protocol `published`, test, n = 4" in lines[5]


def test_rounds_show_their_range() -> None:
    """A result with rounds has the range of the ratio, share of the peak and benchmark_app; one before has not."""
    new = ROW | {
        "speedup_range": [3.4, 3.7], "unsteady": ["images_per_s"], "peak_share": 0.61,
        "benchmark_app": {"images_per_s": 1440.0},
    }  # fmt: skip
    how = {"rounds": 3, "seconds": 2.0, "wide": 0.1}
    text = speed_table(BENCH | {"rows": [new, ROW], "protocol": how, "peaks": {"int8": {"gmac_per_s": 140.2}}})
    lines = text.splitlines()
    assert "| 1459! | 3.55 (3.40-3.70) |" in lines[2]
    assert lines[0].endswith("| correct | share of peak | benchmark_app img/s |")
    assert lines[2].endswith("| 3 of 4 | 61 % | 1440 |")
    assert lines[3].endswith("| 3 of 4 | - | - |")
    assert "3 rounds of 2 s, in turns" in lines[5]
    assert "int8 140 GMAC/s. !: rounds further apart than 10 %." in lines[5]
    assert "rounds" not in speed_table(BENCH)


def test_synthetic_accuracy_is_left_out(tmp_path: Path) -> None:
    """Neither an evaluation nor a benchmark on synthetic pictures gives an accuracy."""
    assert results(tmp_path) == "No results have been committed yet."
    write_json(tmp_path / "eval-a.json", EVAL | {"source": "synthetic"})
    assert results(tmp_path) == "No results have been committed yet."
    drawn = BENCH | {"data": BENCH["data"] | {"source": "synthetic"}}
    assert "3 of 4" not in speed_table(drawn)
    assert "Timed on synthetic pictures." in speed_table(drawn)


def test_files_are_put_together(tmp_path: Path) -> None:
    """Evaluations come first, sorted by file name, then the benchmark; a foreign file is refused."""
    write_json(tmp_path / "eval-b.json", EVAL | {"model": "second"})
    write_json(tmp_path / "eval-a.json", EVAL | {"model": "first"})
    write_json(tmp_path / "bench-cpu.json", BENCH)
    text = results(tmp_path)
    assert text.index("first") < text.index("second") < text.index("speed ratio")
    write_json(tmp_path / "eval-c.json", {"source": "pbc"})
    with pytest.raises(UserError, match="was not written by this edgewbc"):
        results(tmp_path)


def test_peers_have_a_part_of_their_own(tmp_path: Path) -> None:
    """Their table, and the figure only where it was drawn."""
    write_json(tmp_path / "peers.json", peers())
    told = results(tmp_path)
    assert "### Beside what one would pick instead" in told
    assert "| ultralytics | yolo11n-cls 64 |" in told
    assert "peers-front.svg" not in told
    draw(tmp_path)
    assert "](bench/results/peers-front.svg)" in results(tmp_path)


def test_from_file_to_label(tmp_path: Path) -> None:
    """Rate, share of the limit and what the limit is; starts and memory only where they were measured."""
    found: dict[str, Any] = {
        "bundle": "wbc", "data": {"n": 1547, "source": "pbc"}, "machine": {"cpu": "a CPU", "isa": "AVX2"},
        "choice": {"precision": "int8", "threads": 2}, "images_per_s": 1836.4, "limit_images_per_s": 2457.7,
        "ratio": 0.788, "ratio_alone": 0.712, "decode_ms": 0.73, "inference_ms": 0.09,
        "rounds": {"images_per_s": [1.0] * 15}, "cold_start_s": None, "help_s": None, "memory": None,
    }  # fmt: skip
    write_json(tmp_path / "lab.json", found)
    told = results(tmp_path)
    assert "### From file to label" in told
    assert "wbc int8 answers 1,836 images/s, from file to label, on 1,547 pictures of pbc: 79 % of the limit" in told
    assert "(2,458), which is 0.73 ms of decoding and 0.09 ms of inference" in told
    assert "it is 71 % of what as many cores would do, each with the PC to itself." in told
    assert "memory" not in told
    found |= {"cold_start_s": {"median": 0.42}, "help_s": {"median": 0.12}}
    found |= {"memory": {"pictures": 100000, "peak_mb": 166.4}}
    write_json(tmp_path / "lab.json", found)
    assert "0.42 s; `edgewbc --help`: 0.12 s. Peak memory over 100,000 pictures: 166 MB." in results(tmp_path)
