"""edgewbc.bench.core_limit: CPU time of decoding and inference, with one core and with all cores busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgewbc.bench import core_limit
from edgewbc.bundle.bundle import Bundle
from edgewbc.pixels import PixelSpec
from edgewbc.runtime.tuning import Choice
from tests import tiny


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three image files."""
    paths = [tmp_path / f"{seed}.png" for seed in range(3)]
    for seed, path in enumerate(paths):
        path.write_bytes(tiny.encode(tiny.make_image(seed)))
    return paths


def test_parts_are_cpu_time_per_image(tmp_path: Path, files: list[Path]) -> None:
    """Each call measures a part anew; the CPU time is positive and at most the wall time."""
    bundle = Bundle.open(tiny.make_bundle(tmp_path / "b").path)
    with core_limit.cpu_times(Choice("int8", "f32", 2, 1), bundle, files, batch=2) as cpu_times:
        assert list(cpu_times) == ["decode_ms", "inference_ms", "decode_alone_ms", "inference_alone_ms"]
        for name, cpu_time in cpu_times.items():
            start = time.perf_counter()
            first, second = cpu_time(), cpu_time()
            wall = 1000 * (time.perf_counter() - start)
            assert 0 < first != second > 0
            images = len(files) if "decode" in name else core_limit.IMAGES
            assert (first + second) * images <= wall + 40  # of one core; CPU clocks may be coarse


def test_only_decoding_is_counted(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """All threads start together, however late the last one is; reading a file and waiting are not counted."""

    def slow_read(self: Path, read: Callable[[Path], bytes] = Path.read_bytes) -> bytes:
        started.append(time.perf_counter())
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        return read(self)

    started: list[float] = []
    monkeypatch.setattr(Path, "read_bytes", slow_read)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(time.sleep, 0.2)  # occupies one of the threads
        start = time.perf_counter()
        assert 0 < core_limit._decoding(pool, 2, files, PixelSpec(16, 16)) < 50
    assert len(started) == 2 * len(files)
    assert min(started) - start > 0.1
