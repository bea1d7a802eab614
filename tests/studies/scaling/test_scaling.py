"""Tests of bench.scaling: measured with a tiny bundle, simulated from given figures, and its parts of the page."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import readme
from bench.scaling import report
from bench.scaling.__main__ import main
from bench.scaling.measure import Cost, Files, Growth, Samples, Stages
from bench.scaling.result import CORES, LOADS, SERVERS, STORAGES, Measured, Result, simulate
from edgewbc.bench.machine import Machine
from edgewbc.bundle.bundle import Bundle
from edgewbc.cells import CLASSES
from edgewbc.errors import UserError
from edgewbc.images.encode import encode
from edgewbc.synth.cells import draw_cell
from edgewbc.utils.files import write_json

MEASURED = Measured(
    Machine("a CPU", "AVX2", 2),
    100,
    (Cost("wbc5-edge", (900.0, 1000.0, 1100.0), (1.0, 1.1, 0.9)),),
    Growth({1: (1000.0, 1000.0), 2: (1800.0, 1800.0)}),
    Stages(0.001, 0.02, 0.5, 0.7, 0.25, 0.03),
    Samples(tuple(np.linspace(0.5, 1.5, 101).tolist()), (10_000, 20_000), 200.0),
    Files(500_000, 40_000, 80_000),
)


@pytest.fixture(scope="module")
def result() -> Result:
    return simulate(MEASURED, images=1_000, jobs=6_000)


def test_the_simulation_covers_what_the_tables_show(result: Result) -> None:
    """All storages, cores and loads; cores are as fast as measured, and slower storage limits sooner."""
    assert MEASURED.efficiency == pytest.approx(0.9)
    assert len(result.archive) == len(STORAGES) * len(CORES)
    assert len(result.latency) == len(SERVERS) * len(LOADS)
    rates = {(point.storage, point.cores): point for point in result.archive}
    disk, network = STORAGES[0].name, STORAGES[1].name
    assert rates[disk, 1].images_per_s == pytest.approx(1000, rel=0.05)
    assert rates[disk, 8].images_per_s == pytest.approx(7200, rel=0.05)
    assert (rates[disk, 8].limit, rates[network, 256].limit) == ("cores", "storage")
    assert rates[network, 256].images_per_s == pytest.approx(2000, rel=0.02)
    slow = [point.p99_ms for point in result.latency if point.cores == 1]
    assert slow[0] < slow[2] < slow[3]


def test_a_result_is_read_back(result: Result) -> None:
    values = json.loads(json.dumps(result.to_json()))
    assert Result.from_json(values) == result
    assert values["assumptions"]
    assert values["seed"] == 17


def test_the_parts_of_the_page(result: Result, tmp_path: Path) -> None:
    """Figures where there is a result, and the command that writes it where there is none."""
    empty = report.parts(tmp_path)
    assert empty["cost"] == "Not measured yet: `python -m bench.scaling IMAGES` does it."
    assert empty["assumptions"].count("\n") == 6
    write_json(tmp_path / report.SCALING, result.to_json())
    write_json(tmp_path / report.ARCHIVE, {})
    found = report.parts(tmp_path)
    assert "| wbc5-edge | 1000 | 1,000 | 0.0028 |" in found["cost"]
    assert "| decoding the JPEG | 0.5000 | 50% |" in found["cost"]
    assert "1,000 images/s on 1, 1,800 images/s on 2 (90% of twice one core)" in found["growth"]
    assert "storage, at 4 cores" in found["growth"]
    assert found["latency"].count("\n") == 7
    assert found["serve"].startswith("Not measured yet")


def test_the_archive_is_told_as_far_as_it_was_measured() -> None:
    """Sentences for each part of `archive.json`."""
    speed: dict[str, Any] = {
        "cores": 2,
        "images": 20000,
        "pc": {"images_per_s": 1700.0},
        "ray": {"images_per_s": 1600.0},
    }
    text = report.archive({"throughput": {**speed, "ratio": 0.94, "same_bytes": True, "extra_startup_s": 5.0}})
    assert "1,700 images/s, `classify --engine ray` 1,600 (94%), with the same bytes" in text
    speed |= {"processes": {"images_per_s": 2100.0}, "processes_ratio": 1.235, "processes_extra_startup_s": 0.6}
    text = report.archive({"throughput": {**speed, "ratio": 0.94, "same_bytes": True, "extra_startup_s": 5.0}})
    assert text.endswith("`classify --engine processes` 2,100 images/s (124%), 0.6 s more to start and stop.")
    memory = report.archive({"memory_of_processes": [{"images": 1000, "peak_pss_mb": {"driver": 200.4, "all": 450.6}}]})
    assert memory.startswith("`--engine processes` with 1,000 images: 451 MB, 200 of it in the process")
    memory = report.archive({"memory": [{"images": 1000, "peak_pss_mb": {"driver": 200.4}}]})
    assert memory == "Memory with 1,000 images: driver 200 MB."
    views = {"kind": "views", "n": 100000, "read_cpu_s": 70.0, "hashing_cpu_s": 9.0, "exact_cpu_s": 40.0}
    hashes = {"kind": "hashes", "n": 10_000_000, "compare_cpu_s": 90.5, "peak_mb": 900.0}
    hashes["recall_by_bits"] = {"4": 0.9973, "8": 0.3546}
    audit = report.archive({"audit": [{**views, "peak_mb": 300.0, "recall": 0.999, "near_pairs": 1234}, hashes]})
    assert "views of images, in CPU seconds: read 70.0, hashing 9.0, every pair 40.0; 300 MB; hashing finds" in audit
    assert "hashing finds 99.90% of 1,234 pairs." in audit
    assert "10,000,000 synthetic hashes, in CPU seconds: hashing 90.5; 900 MB; of pairs, it finds 99.73%" in audit
    assert audit.endswith("99.73% that differ in 4 bits, 35.46% that differ in 8 bits.")


def test_parts_are_filled_in(tmp_path: Path) -> None:
    """Between their markers; a page without them is refused."""
    text = "a\n<!-- results:x:begin -->\nold\n<!-- results:x:end -->\nb\n"
    assert readme.filled(text, tmp_path, {"x": "new"}) == text.replace("old", "new")
    with pytest.raises(UserError, match="results:y:begin"):
        readme.filled(text, tmp_path, {"y": "new"})


def test_the_page_is_current() -> None:
    """docs/scaling.md holds what `python -m bench.readme` would write."""
    top = Path(__file__).resolve().parents[3]
    page = top / "docs" / "scaling.md"
    text = page.read_text(encoding="utf-8")
    assert readme.filled(text, page, report.parts(top / "bench" / "results")) == text


@pytest.mark.slow
def test_the_command(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is measured and written; a folder with too few images is refused."""
    monkeypatch.setattr("bench.scaling.__main__.simulate", partial(simulate, images=200, jobs=500))
    monkeypatch.setattr("bench.scaling.measure.EMPTY_FILES", 200)
    folder = tmp_path / "cells"
    folder.mkdir()
    for number in range(8):
        cell = draw_cell(CLASSES[number % 5], np.random.default_rng(number), 64)
        (folder / f"{number}.jpg").write_bytes(encode(cell, ".jpg"))
    out = tmp_path / "scaling.json"
    options = ["--model", str(bundle.path), "--seconds", "0.05", "--rounds", "2", "--out", str(out)]
    assert main([str(folder), *options]) == 0
    found = Result.from_json(json.loads(out.read_text()))
    assert found.measured.images == 8
    assert [cost.bundle for cost in found.measured.costs] == ["tiny"]
    assert found.measured.stages.network > 0
    assert "images/s on one core" in capsys.readouterr().out
    assert main([str(tmp_path / "none"), *options]) == 2


def test_the_median_of_an_even_number_is_between_two(result: Result) -> None:
    """Neither the fastest of two rounds nor the one that took most CPU time."""
    costs = (Cost("wbc5-edge", (500.0, 400.0), (2.0, 2.5)),)
    values = replace(result, measured=replace(MEASURED, costs=costs)).to_json()
    assert "| wbc5-edge | 450 | 2,250 | 0.0063 |" in report.cost(values)
