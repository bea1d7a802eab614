"""edgewbc.bench.end_to_end and its result: the speed from file to label, the limit and their ratio."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bench import end_to_end, live, process_metrics
from edgewbc.bench.end_to_end import EndToEndOptions, measure
from edgewbc.bench.end_to_end_result import EndToEndResult, ProcessesSpeed
from edgewbc.bench.process_metrics import MemoryUse, StartupTime
from edgewbc.bench.row import LatencyPercentiles
from edgewbc.bench.timing import MIN_SAMPLES
from edgewbc.bundle.bundle import Bundle
from edgewbc.report.terminal import render_end_to_end
from edgewbc.runtime import tuning_cache
from edgewbc.runtime.tuning import Choice
from tests import labeled, tiny
from tests.conftest import Ran

LAB = Path(__file__).parents[2] / "bench" / "results" / "lab.json"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use an empty tuning cache."""
    monkeypatch.setenv(tuning_cache.CACHE, str(tmp_path / "cache"))


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A tiny bundle in the folder `b`."""
    return tiny.make_bundle(tmp_path / "b")


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw three synthetic images only, which is faster."""
    monkeypatch.setattr(end_to_end, "SYNTHETIC_IMAGES", 3)


QUICK = EndToEndOptions(rounds=2, memory_images=0, threads=1, batch=2, starts=0, live_seconds=0)


def test_ratio_is_throughput_over_the_limit(bundle: Bundle, tmp_path: Path) -> None:
    """The limit is the cores over the CPU time of an image; the ratio is the throughput over it, per round."""
    manifest = labeled.make_manifest(tmp_path / "m")
    found = measure(bundle, manifest, QUICK)
    assert found.choice == Choice("int8", "f32", 1, 1)
    speed, rounds = found.speed, found.speed.rounds
    for kind, limit, ratio in (
        ("", speed.limit_images_per_s, speed.ratio),
        ("_alone", speed.limit_alone_images_per_s, speed.ratio_alone),
    ):
        limits = 1000 / (np.array(rounds[f"decode{kind}_ms"]) + np.array(rounds[f"inference{kind}_ms"]))
        assert limit == pytest.approx(np.median(limits), rel=1e-2)
        assert ratio == pytest.approx(np.median(np.array(rounds["images_per_s"]) / limits), rel=1e-2)
    assert speed.processes is not None
    rates = np.array(rounds["processes_images_per_s"])
    limits = 1000 / (np.array(rounds["decode_ms"]) + np.array(rounds["inference_ms"]))
    assert speed.processes.images_per_s == pytest.approx(np.median(rates), rel=1e-3)
    assert speed.processes.ratio == pytest.approx(np.median(rates / limits), rel=1e-2)
    assert speed.processes.speedup == pytest.approx(np.median(rates / np.array(rounds["images_per_s"])), rel=1e-2)
    assert speed.processes.peak_mb is None or 50 < speed.processes.peak_mb < 1000
    parts = (
        *("decode_ms", "inference_ms", "decode_alone_ms", "inference_alone_ms"),
        *("images_per_s", "processes_images_per_s"),
    )
    assert {name: len(values) for name, values in rounds.items()} == dict.fromkeys(parts, 2)
    assert (found.data.n, found.data.protocol, found.data.split) == (10, "grouped", "test")
    assert found.data.manifest_sha256 == manifest.sha256
    assert found.model_sha256 == bundle.model_sha256("openvino", "int8")
    assert (found.memory, found.cold_start, found.help_time, found.live) == (None,) * 4
    assert measure(bundle, manifest, replace(QUICK, limit=3, rounds=1)).data.n == 3
    assert EndToEndResult.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found


def test_synthetic_cells_without_a_manifest(bundle: Bundle) -> None:
    """Synthetic JPEG files are timed, and the result says so."""
    found = measure(bundle, None, replace(QUICK, live_seconds=0.01))
    assert (found.data.source, found.data.protocol, found.data.n) == ("synthetic", None, 3)
    assert found.speed.images_per_s > 0
    assert found.live is not None
    assert 0 < found.live.p50 <= found.live.p99
    assert found.live.n >= MIN_SAMPLES
    assert EndToEndResult.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found


def test_text_has_a_line_per_figure() -> None:
    """What was not measured has no line."""
    result = EndToEndResult.read(LAB)
    speed = replace(result.speed, processes=None)
    short = replace(result, speed=speed, cold_start=None, help_time=None, memory=None, live=None)
    starts = [line.split()[0] for line in render_end_to_end(short).splitlines() if not line.startswith(" ")]
    assert starts[0] == "wbc5-edge"
    assert starts[-3:] == ["from", "limit", "ratio"]
    whole = replace(
        result,
        speed=replace(result.speed, ratio=0.8569, processes=ProcessesSpeed(1399.96, 0.9834, 1.2678, 163.2)),
        cold_start=StartupTime(0.6055, (0.6055,)),
        memory=MemoryUse(100_000, 175.1, seconds=68.43, images_per_s=1461.4),
        live=LatencyPercentiles(0.514, 0.6, 0.7, 0.932, 9000),
    )
    text = render_end_to_end(whole)
    assert max(map(len, text.splitlines())) <= 80
    assert "a process per core  1,400.0 images/s with --engine processes, 1.27 times as" in text
    assert "cold start          0.61 s to the end of classify on one image" in text
    assert "one image at a time 0.51 ms (p50) and 0.93 ms (p99) from its pixels" in text
    assert "peak memory         175 MB over 100,000 images" in text
    assert "ratio               0.86 of that limit" in text


def test_command_prints_what_it_writes(
    edgewbc: Callable[..., Ran], bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--json prints the object that --out writes; a second --model is refused."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(process_metrics, "cold_start", lambda *_: StartupTime(0.5, (0.5,)))
    monkeypatch.setattr(process_metrics, "help_time", lambda *_: StartupTime(0.1, (0.1,)))
    monkeypatch.setattr(live, "latency", lambda *_: LatencyPercentiles(0.5, 0.6, 0.7, 0.9, 10))
    labeled.make_manifest(tmp_path / "m")
    arguments = ("--model", "b", "--data", "m", "--threads", "1", "--images", "0")
    ran = edgewbc("bench", "--end-to-end", *arguments, "--json", "--out", "o.json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert json.loads(Path("o.json").read_text()) == found
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["load_before"] == 0.0
    assert found["cold_start_s"]["median"] == 0.5
    assert found["memory"] is None
    assert found["live_ms"] == {"p50": 0.5, "p90": 0.6, "p95": 0.7, "p99": 0.9, "n": 10}
    assert "ratio" in edgewbc("bench", "--end-to-end", *arguments).out
    former = edgewbc("bench", "--end-to-end", *arguments[:-2], "--pictures", "0", "--json")  # --images until 0.1
    assert (former.code, json.loads(former.out)["memory"]) == (0, None)
    ran = edgewbc("bench", "--end-to-end", "--model", "b", "--model", "b")
    assert (ran.code, ran.out) == (2, "")
    assert "--end-to-end benchmarks one bundle" in ran.err
