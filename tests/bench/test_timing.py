"""edgewbc.bench.timing: latency and throughput."""

from __future__ import annotations

from edgewbc.bench.timing import MIN_BATCHES, MIN_SAMPLES, MIN_TRIAL_BATCHES, latency, throughput
from tests.slow_predictor import IMAGES, Slow


def test_latency_is_of_single_images() -> None:
    """Only single images are predicted, and a slow model still has enough samples."""
    sizes: list[int] = []
    found = latency(Slow(sizes, fixed=0.003), IMAGES, seconds=0)
    assert set(sizes) == {1}
    assert len(found) == MIN_SAMPLES
    assert min(found) >= 3


def test_throughput_selects_the_best_batch_size() -> None:
    """If each batch has a fixed cost, the larger size is selected."""
    found = throughput(Slow([], fixed=0.01), IMAGES, (1, 8), seconds=0.05)
    assert found.batch == 8
    assert found.images_per_s <= 8 / 0.01


def test_slow_models_run_enough_batches() -> None:
    """However slow the model is, the reported measurement has `MIN_BATCHES` batches per stream."""
    sizes: list[int] = []
    found = throughput(Slow(sizes, streams=3), IMAGES, (2, 4), seconds=0)
    assert found.batches == 3 * MIN_BATCHES
    assert [sizes.count(size) for size in (2, 4) if size != found.batch] == [3 * MIN_TRIAL_BATCHES]
