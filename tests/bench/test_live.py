"""edgewbc.bench.live: the latency of single images in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgewbc.bench import live
from edgewbc.bench.timing import MIN_SAMPLES, WARMUP
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.results import ResultRow
from edgewbc.pixels import Image
from tests.tiny import make_bundle, make_image


def test_images_take_turns_one_at_a_time(tmp_path: Path) -> None:
    """Each of them, after a few that are not timed; as many as `MIN_SAMPLES` however short the time is."""
    model = LoadedBundle.load(make_bundle(tmp_path / "b"), threads=1)
    images, seen = [make_image(seed) for seed in range(3)], list[int]()

    class Watched:
        def now(self, image: Image) -> list[ResultRow]:
            seen.append(next(number for number, one in enumerate(images) if one is image))
            return model.now(image)

    found = live.latency(Watched(), images, 0)  # type: ignore[arg-type]
    assert found.n == MIN_SAMPLES
    assert seen == np.resize([0, 1, 2], WARMUP + MIN_SAMPLES).tolist()
    assert 0 < found.p50 <= found.p90 <= found.p95 <= found.p99
