"""From file to label: the rate, the limit and their ratio."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgewbc.bench import end_to_end, process_metrics
from edgewbc.bench.end_to_end import Options, measure
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.runtime import tuning_cache
from tests import labelled, tiny


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered on this PC."""
    monkeypatch.setenv(tuning_cache.CACHE, str(tmp_path / "cache"))


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return tiny.make_bundle(tmp_path / "b")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes its time."""
    monkeypatch.setattr(end_to_end, "DRAWN", 3)


QUICK = Options(rounds=2, pictures=0, threads=1, batch=2, starts=0)


def test_the_ratio_is_to_the_limit(bundle: Bundle, tmp_path: Path) -> None:
    """The limit is the cores over the CPU time of a picture; the ratio is what was reached of it; all of it is JSON."""
    manifest = labelled.make_manifest(tmp_path / "m")
    found = json.loads(json.dumps(measure(bundle, manifest, QUICK), allow_nan=False))
    assert found["choice"] == {"precision": "int8", "compute": "f32", "threads": 1, "streams": 1}
    rounds = found["rounds"]
    for kind in ("", "_alone"):
        limits = 1000 / (np.array(rounds[f"decode{kind}_ms"]) + np.array(rounds[f"inference{kind}_ms"]))
        ratios = np.array(rounds["images_per_s"]) / limits
        assert found[f"limit{kind}_images_per_s"] == pytest.approx(np.median(limits), rel=1e-2)
        assert found[f"ratio{kind}"] == pytest.approx(np.median(ratios), rel=1e-2)
    parts = ("decode_ms", "inference_ms", "decode_alone_ms", "inference_alone_ms", "images_per_s")
    assert {name: len(values) for name, values in rounds.items()} == dict.fromkeys(parts, 2)
    assert (found["data"]["n"], found["data"]["protocol"], found["data"]["split"]) == (10, "grouped", "test")
    assert found["data"]["manifest_sha256"] == manifest.sha256
    assert found["model_sha256"] == bundle.model_sha256("openvino", "int8")
    assert found["memory"] is found["cold_start_s"] is found["help_s"] is None
    assert measure(bundle, manifest, Options(limit=3, rounds=1, pictures=0, threads=1, starts=0))["data"]["n"] == 3


def test_without_a_manifest_cells_are_drawn(bundle: Bundle) -> None:
    """Synthetic JPEG files are timed where there is no manifest, and the result says so."""
    found = measure(bundle, None, QUICK)
    assert (found["data"]["source"], found["data"]["n"]) == ("synthetic", end_to_end.DRAWN)
    assert found["images_per_s"] > 0


def test_the_page(bundle: Bundle) -> None:
    """Each figure has its line; what was not measured has none."""
    found = measure(bundle, None, QUICK) | {"machine": {"cpu": "a CPU", "isa": "some"}}
    page = end_to_end.render(found)
    assert [line.split()[0] for line in page.splitlines()] == ["tiny", "from", "limit", "ratio"]
    some = {"median": 0.5, "runs": [0.5]}
    more = {"pictures": 100_000, "peak_mb": 150.2, "seconds": 1.0, "images_per_s": 3.0}
    page = end_to_end.render(found | {"cold_start_s": some, "help_s": some, "memory": more})
    assert "0.50 s to the end of classify on one picture" in page
    assert "150 MB over 100,000 pictures" in page


def test_starts_are_timed_in_fresh_processes(bundle: Bundle, tmp_path: Path) -> None:
    """A median of the runs that were asked for, in seconds of a real process."""
    picture = tmp_path / "a.png"
    picture.write_bytes(tiny.encode(tiny.picture(0)))
    for found in (process_metrics.cold_start(bundle.path, picture, 1, runs=1), process_metrics.help_time(1)):
        assert len(found["runs"]) == 1
        assert 0.02 < found["median"] == found["runs"][0] < 60


def test_memory_of_many_pictures(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures stand in the folder again and again, each has its row, and the peak is that of the process."""
    monkeypatch.setattr(process_metrics, "LINKS", 5)
    pictures = [tmp_path / f"{seed}.png" for seed in range(3)]
    for seed, picture in enumerate(pictures):
        picture.write_bytes(tiny.encode(tiny.picture(seed)))
    found = process_metrics.memory(bundle.path, pictures, 20, threads=1)
    assert found["pictures"] == 20
    assert found["peak_mb"] is None or 30 < found["peak_mb"] < 1000
    assert found["images_per_s"] == pytest.approx(20 / found["seconds"], rel=0.1)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix) == ["0.png", "1.png", "2.png"]


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    """What a fresh process said last is the reason."""
    with pytest.raises(UserError, match=r"edgewbc classify ended with 2: .*no such bundle"):
        process_metrics.cold_start(tmp_path / "gone", Path(__file__), runs=1)


def test_the_command(
    edgewbc: Callable[..., Any], bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bench --end-to-end prints one object, the same as it writes; it takes one bundle only."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(process_metrics, "cold_start", lambda *_: {"median": 0.5, "runs": [0.5]})
    monkeypatch.setattr(process_metrics, "help_time", lambda *_: {"median": 0.1, "runs": [0.1]})
    labelled.make_manifest(tmp_path / "m")
    arguments = ("--model", "b", "--data", "m", "--threads", "1", "--pictures", "0")
    ran = edgewbc("bench", "--end-to-end", *arguments, "--json", "--out", "o.json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert json.loads(Path("o.json").read_text()) == found
    assert found["machine"]["cores"] >= 1
    assert found["cold_start_s"]["median"] == 0.5
    assert "ratio" in edgewbc("bench", "--end-to-end", *arguments).out
    ran = edgewbc("bench", "--end-to-end", "--model", "b", "--model", "b")
    assert (ran.code, ran.out) == (2, "")
    assert "--end-to-end measures one bundle" in ran.err


def test_a_command_that_does_not_end_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped, and the mend is named."""
    monkeypatch.setattr(process_metrics, "LONGEST", 0.01)
    with pytest.raises(UserError, match=r"edgewbc --help did not end in 0.01 s: give fewer --pictures"):
        process_metrics.help_time(1)
