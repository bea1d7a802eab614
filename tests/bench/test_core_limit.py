"""The limit of the cores: CPU time of the parts, alone and with all cores at work."""

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
    found = [tmp_path / f"{seed}.png" for seed in range(3)]
    for seed, file in enumerate(found):
        file.write_bytes(tiny.encode(tiny.picture(seed)))
    return found


def test_parts_are_cpu_time_of_a_picture(tmp_path: Path, files: list[Path]) -> None:
    """Each part is measured anew at each call, above 0, and no more than the time that went by."""
    bundle = Bundle.open(tiny.make_bundle(tmp_path / "b").path)
    with core_limit.parts(Choice("int8", "f32", 2, 1), bundle, files, batch=2) as parts:
        assert list(parts) == ["decode_ms", "inference_ms", "decode_alone_ms", "inference_alone_ms"]
        for name, part in parts.items():
            start = time.perf_counter()
            first, second = part(), part()
            spent = 1000 * (time.perf_counter() - start)
            assert 0 < first != second > 0
            each = len(files) if "decode" in name else core_limit.PICTURES
            assert (first + second) * each <= spent + 40  # of one core; clocks of CPU time may be coarse


def test_only_decoding_counts(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """All threads begin at once, however late the last comes; to read a file, or to wait for it, is no part of it."""

    def burn(self: Path, read: Callable[[Path], bytes] = Path.read_bytes) -> bytes:
        begun.append(time.perf_counter())
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        return read(self)

    begun: list[float] = []
    monkeypatch.setattr(Path, "read_bytes", burn)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(time.sleep, 0.2)  # keeps one of the threads
        start = time.perf_counter()
        assert 0 < core_limit._decoding(pool, 2, files, PixelSpec(16, 16)) < 50
    assert len(begun) == 2 * len(files)
    assert min(begun) - start > 0.1
