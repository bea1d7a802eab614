"""The study of archives on a few images and hashes; what needs Ray is tested in tests/archive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.archive import audits, report, runs
from bench.archive.processes import MemoryPeak, command, family, proportional_kb, workers
from bench.archive.runs import Setup
from edgewbc.bundle.bundle import Bundle
from edgewbc.data.similar_hashes import distances
from edgewbc.errors import UserError
from edgewbc.synth.cells import draw_cell
from tests.tiny import encode

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Five synthetic cells."""
    folder = tmp_path_factory.mktemp("cells")
    for number in range(5):
        image = draw_cell("monocyte", np.random.default_rng(number), 96)
        (folder / f"{number}.png").write_bytes(encode(image))
    return sorted(folder.iterdir())


def test_links_come_in_turn_with_bad_files(cells: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every image is used, and one file in so many is none; a second call adds nothing."""
    monkeypatch.setattr(runs, "BAD", 4)
    folder = runs.link_images(cells, tmp_path / "in", 8)
    names = sorted(folder.iterdir())
    assert [path.is_symlink() for path in names] == [True, True, True, False] * 2
    assert names[5].resolve() == cells[0].resolve()
    assert runs.link_images(cells, folder, 8) == folder


@pytest.mark.slow
def test_a_timed_run(cells: list[Path], bundle: Bundle, tmp_path: Path) -> None:
    """The rate is that between a tenth and nine tenths of the images; a failed run is an error in one line."""
    folder = runs.link_images(cells, tmp_path / "in", 40)
    setup = Setup(tmp_path, bundle.path, threads=1)
    times = setup.run("pc", folder, tmp_path / "pc.csv")
    assert times["n"] == 40
    assert 0 < times["tenth"] <= times["nine_tenths"] <= times["last"] < times["whole"]
    assert (tmp_path / "pc.csv").read_bytes().count(b"\n") == 41
    with pytest.raises(UserError, match="exit code 2"):
        setup.run("pc", tmp_path / "gone", tmp_path / "pc.csv")


def test_rate() -> None:
    """Images between the two moments, by the time between them."""
    assert runs.rate({"n": 100, "tenth": 2.0, "nine_tenths": 4.0}) == 40.0


@linux
def test_processes_and_their_memory() -> None:
    """A child is found with its command line and memory, and is no worker of Ray."""
    code = "import time; block = bytearray(50_000_000); print(flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in family(os.getpid())
        assert "bytearray" in command(child.pid)
        assert proportional_kb(child.pid) > 40_000
        assert workers({child.pid}) == []
        with MemoryPeak(child.pid, every=0.01) as peak:
            while "all" not in peak.peak_mb:
                pass
        assert peak.peak_mb["driver"] > 40
    finally:
        child.kill()
        child.communicate()


def test_synthetic_hashes_have_copies() -> None:
    """The planted pairs differ in as many bits as they say."""
    hashes, planted = audits.synthetic(4000)
    for bits, (ones, twos) in planted.items():
        assert len(ones) == 10
        assert set(distances(hashes[ones], hashes[twos]).tolist()) == {bits}


def test_audits_are_measured(cells: list[Path]) -> None:
    """Copies that are close are found; views of one image are drawn anew each time."""
    found = audits.measured("hashes", 20_000, [])
    assert found["recall_by_bits"]["2"] == found["recall_by_bits"]["4"] == 1.0
    assert found["pairs"] >= 100
    read = audits.measured("images", 8, cells)
    assert (read["distinct"], read["recall"]) == (5, None)
    drawn = audits.measured("views", 20, cells)
    assert drawn["distinct"] == 20


def test_text() -> None:
    """Each part has its line, and a broken promise is plain."""
    engine = {"images_per_s": 1000.0}
    text = report.text(
        {
            "throughput": {
                "cores": 2, "images": 10, "pc": engine, "ray": engine, "ratio": 0.95, "extra_startup_s": 9.0,
                "processes": engine, "processes_ratio": 1.25, "processes_extra_startup_s": 0.5,
                "same_bytes": False,
            },
            "memory": [{"images": 10, "peak_pss_mb": {"all": 900.0}}],
            "memory_of_processes": [{"images": 10, "peak_pss_mb": {"all": 400.0}}],
            "kills": {
                "driver_kills": 2, "worker_kills": 2, "rows": 10, "images": 10, "classified_twice": 0,
                "same_bytes": True,
            },
            "audit": [
                {"kind": "hashes", "n": 9, "compare_cpu_s": 1.0, "peak_mb": 2.0, "recall_by_bits": {"2": 1.0}},
                {
                    "kind": "views", "n": 9, "read_cpu_s": 1.0, "hashing_cpu_s": 1.0, "exact_cpu_s": 1.0,
                    "peak_mb": 3.0, "near_pairs": 4, "recall": 1.0,
                },
            ],
        }
    )  # fmt: skip
    assert "ratio 0.950" in text
    assert "results files are NOT THE SAME" in text
    assert "--engine processes 1000/s, ratio 1.250; 0.5 s more" in text
    assert text.count("\n") == 7
