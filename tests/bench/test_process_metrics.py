"""edgewbc.bench.process_metrics: startup time and peak memory of commands."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from edgewbc.bench import process_metrics
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.runtime import tuning_cache
from tests import tiny


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use an empty tuning cache."""
    monkeypatch.setenv(tuning_cache.CACHE, str(tmp_path / "cache"))


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A tiny bundle in the folder `b`."""
    return tiny.make_bundle(tmp_path / "b")


def test_startup_is_timed_in_fresh_processes(bundle: Bundle, tmp_path: Path) -> None:
    """The result has the requested number of runs, in seconds of a real process."""
    image = tmp_path / "a.png"
    image.write_bytes(tiny.encode(tiny.make_image(0)))
    for found in (process_metrics.cold_start(bundle.path, image, 1, runs=1), process_metrics.help_time(1)):
        assert len(found.runs) == 1
        assert 0.02 < found.median == found.runs[0] < 60


def test_modules_are_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an installation, whatever the environment says; only the run that is not counted compiles them."""
    log, temporary = tmp_path / "log", tmp_path / "temporary"
    temporary.mkdir()
    script = f"""
import pathlib, sys
found = list(pathlib.Path(sys.pycache_prefix).rglob("colorsys.*.pyc"))
import colorsys
with open({str(log)!r}, "a") as file:
    print(len(found), file=file)
"""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(process_metrics, "COMMAND", script)
    assert len(process_metrics.help_time(2).runs) == 2
    assert log.read_text().split() == ["0", "1", "1"]
    assert not list(temporary.iterdir())


def test_memory_of_many_images(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder repeats the images, each one is classified, and nothing is left behind."""
    monkeypatch.setattr(process_metrics, "MAX_LINKS", 5)
    images = [tmp_path / f"{seed}.png" for seed in range(3)]
    for seed, image in enumerate(images):
        image.write_bytes(tiny.encode(tiny.make_image(seed)))
    found = process_metrics.memory(bundle.path, images, 20, threads=1)
    assert found.images == 20
    assert found.peak_mb is None or 30 < found.peak_mb < 1000
    assert found.images_per_s == pytest.approx(20 / found.seconds, rel=0.1)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix) == ["0.png", "1.png", "2.png"]


def test_failing_command_has_a_reason(tmp_path: Path) -> None:
    """The last line of the process's output is the reason."""
    with pytest.raises(UserError, match=r"edgewbc classify exited with code 2: .*no such bundle"):
        process_metrics.cold_start(tmp_path / "none", Path(__file__), runs=1)


def test_command_that_does_not_finish_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped, and the message says what to do."""
    monkeypatch.setattr(process_metrics, "TIMEOUT", 0.01)
    with pytest.raises(UserError, match=r"edgewbc --help did not finish in 0.01 s: use fewer --images"):
        process_metrics.help_time(1)
