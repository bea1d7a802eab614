"""Tests of edgewbc.serve.batcher: order, batches, delay, and that one bad image harms no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.cpu_budget import CpuBudget
from edgewbc.lab.prepared_image import ImagePreparer, PreparedImage
from edgewbc.lab.results import ResultRow
from edgewbc.runtime.pool import PredictorPool
from edgewbc.runtime.predictor import Batch, Prediction, Predictor
from edgewbc.serve.batcher import Batcher
from edgewbc.serve.limits import Limits
from tests import averaged
from tests.tiny import encode, make_image

FILES = [encode(make_image(seed)) for seed in range(12)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedBundle:
    """Return a tiny model on two cores."""
    from tests.tiny import make_bundle

    return LoadedBundle.load(make_bundle(tmp_path_factory.mktemp("serve") / "tiny"), threads=2)


class Wrapped(Predictor):
    """A predictor that does something first."""

    def __init__(self, inner: Predictor, before: Callable[[Batch], None]) -> None:
        self.inner, self.info, self.before = inner, inner.info, before

    def __call__(self, images: Batch) -> Prediction:
        self.before(images)
        return self.inner(images)


def wrapped(model: LoadedBundle, before: Callable[[Batch], None]) -> LoadedBundle:
    """Return a model whose network does something before each batch."""
    threads = model.engine.info.threads or 1
    engine = PredictorPool(lambda: Wrapped(model.engine, before), threads, threads)
    return replace(model, engine=engine)


def comparable(rows: list[list[ResultRow]]) -> list[Any]:
    return [(row.label, row.status, row.reason, round(row.probability or 0, 4)) for each in rows for row in each]


def test_requests_get_their_own_rows_in_order(model: LoadedBundle) -> None:
    """Many requests at once, of files and pixels: each gets what `classify` gives for its images."""
    expected = comparable([model.rows(result) for result in model.results([make_image(seed) for seed in range(12)])])
    batcher = Batcher(model, Limits(batch=5))
    try:
        futures = {}
        for start in range(12):
            order = [(start + step) % 12 for step in range(1 + start % 4)]
            images = [FILES[index] if index % 2 else make_image(index) for index in order]
            futures[start] = order, batcher.submit(images)
        for order, future in futures.values():
            assert comparable(future.result(20)) == [expected[index] for index in order]
    finally:
        batcher.close()


def test_files_and_pixels_get_the_label_of_all_views(tmp_path: Path) -> None:
    """A model that takes labels from the mean of its views does so for both, with six inputs of the network a cell."""
    sizes: list[int] = []
    model = wrapped(
        LoadedBundle.load(averaged.averaged_bundle(tmp_path / "b"), threads=1), lambda x: sizes.append(len(x))
    )
    images: list[Any] = [encode(image) if number % 2 else image for number, image in enumerate(averaged.cells())]
    batcher = Batcher(model, Limits(batch=8))
    try:
        rows = batcher.submit(images).result(20)
    finally:
        batcher.close()
    assert [each.label for (each,) in rows] == [model.bundle.classes[index] for index in averaged.MEAN]
    assert sum(sizes) == 60


def test_a_queue_becomes_batches(model: LoadedBundle) -> None:
    """While the workers are busy, what arrives is collected: full batches, never more."""
    sizes: list[int] = []
    gate = threading.Event()

    def wait(images: Batch) -> None:
        gate.wait(20)
        sizes.append(len(images))

    batcher = Batcher(wrapped(model, wait), Limits(batch=4, delay=0.0))
    try:
        first = [batcher.submit(FILES[:1]) for _ in range(2)]
        while batcher.waiting > 0:
            time.sleep(0.001)
        rest = [batcher.submit(FILES[:2]) for _ in range(8)]
        assert batcher.waiting == 16
        gate.set()
        for future in (*first, *rest):
            assert len(future.result(20)) in (1, 2)
    finally:
        gate.set()
        batcher.close()
    assert sorted(sizes)[:2] == [1, 1]
    assert sum(sizes) == 18
    assert max(sizes) == 4


@pytest.fixture
def watched_batches(model: LoadedBundle) -> Iterator[tuple[Batcher, list[int]]]:
    """Return a batcher that lets an image wait for 0.3 s, on two cores, and the sizes of its batches."""
    batches: list[int] = []
    batcher = Batcher(model, Limits(batch=64, delay=0.3), seen=lambda images, _: batches.append(images))
    try:
        yield batcher, batches
    finally:
        batcher.close()


def seconds_of(batcher: Batcher, *requests: list[bytes]) -> float:
    """Return how long requests take that come together."""
    begun = time.monotonic()
    for future in [batcher.submit(images) for images in requests]:
        future.result(20)
    return time.monotonic() - begun


def send_six(batcher: Batcher, batches: list[int]) -> None:
    """Send six images together; again if a worker woke up so late that the other one had begun another batch."""
    while sorted(batches) != [3, 3]:
        batches.clear()
        seconds_of(batcher, FILES[:6])
    batches.clear()


def test_an_image_waits_for_others_no_longer_than_the_delay(watched_batches: tuple[Batcher, list[int]]) -> None:
    """After six images that came together, one waits for two more: a share for each of two workers."""
    batcher, batches = watched_batches
    send_six(batcher, batches)
    assert 0.29 < seconds_of(batcher, FILES[:1]) < 5
    send_six(batcher, batches)
    assert 0.29 < seconds_of(batcher, FILES[:1], FILES[1:2]) < 5
    assert sum(batches) == 2


def test_images_are_decoded_while_their_batch_waits_for_others(
    watched_batches: tuple[Batcher, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the network waits: the time is used."""
    batcher, batches = watched_batches
    send_six(batcher, batches)
    decoded = threading.Event()
    data = ImagePreparer.data

    def noted(self: ImagePreparer, *arguments: Any, **options: Any) -> PreparedImage:
        found = data(self, *arguments, **options)
        decoded.set()
        return found

    monkeypatch.setattr(ImagePreparer, "data", noted)
    begun = time.monotonic()
    future = batcher.submit(FILES[:1])
    assert decoded.wait(0.2)
    assert not batches
    future.result(20)
    assert time.monotonic() - begun > 0.29
    assert batches == [1]


def test_idle_workers_share_a_request(watched_batches: tuple[Batcher, list[int]]) -> None:
    """No batch has more than a worker's share, whichever of them wakes up first."""
    batcher, batches = watched_batches
    for images, most in ((FILES, 6), (FILES[:2], 1), (FILES[:7], 4)):
        while seconds_of(batcher, FILES[:1]) > 0.29:  # until many are no longer expected
            pass
        batches.clear()
        seconds_of(batcher, images)
        assert max(batches) == most
        assert sum(batches) == len(images)


def test_a_client_that_is_alone_does_not_wait(watched_batches: tuple[Batcher, list[int]]) -> None:
    """Nor does one that is alone again: it waits some times, and then no more."""
    batcher, batches = watched_batches
    assert min(seconds_of(batcher, FILES[:1]) for _ in range(3)) < 0.2
    send_six(batcher, batches)
    waits = [seconds_of(batcher, FILES[:1]) for _ in range(8)]
    assert waits[0] > 0.29
    assert min(waits[4:]) < 0.2


def test_an_image_that_breaks_the_network_fails_alone(model: LoadedBundle, caplog: pytest.LogCaptureFixture) -> None:
    """Others of its batch are classified; the workers go on."""

    def break_on_white(images: Batch) -> None:
        if (images == 255).all(axis=(1, 2, 3)).any():
            raise RuntimeError("no")

    batcher = Batcher(wrapped(model, break_on_white), Limits(delay=0.05))
    white = np.full((24, 20, 3), 255, np.uint8)
    try:
        good, bad = batcher.submit(FILES[:3]), batcher.submit([white])
        mixed = batcher.submit([FILES[0], white])
        assert len(good.result(20)) == 3
        for future in (bad, mixed):
            with pytest.raises(RuntimeError, match="no"):
                future.result(20)
        assert len(batcher.submit(FILES[:1]).result(20)) == 1
    finally:
        batcher.close()
    assert "could not be classified" in caplog.text


def test_closing_finishes_what_is_queued(model: LoadedBundle) -> None:
    """Nothing that was accepted is lost; nothing more is accepted; the threads are gone."""
    before = threading.active_count()
    batcher = Batcher(wrapped(model, lambda _: time.sleep(0.02)), Limits(batch=2))
    futures = [batcher.submit(FILES[:3]) for _ in range(6)]
    batcher.close()
    assert [len(future.result(0)) for future in futures] == [3] * 6
    assert threading.active_count() == before
    assert batcher.seconds(10) > 0
    with pytest.raises(RuntimeError, match="closed"):
        batcher.submit(FILES[:1])


def test_models_share_their_cores(bundle: Bundle) -> None:
    """Two models on two cores run two batches at a time, not four."""
    running, most, lock = 0, 0, threading.Lock()

    def count(_: Batch) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    model = wrapped(LoadedBundle.load(bundle, threads=2), count)
    share: CpuBudget | None = None
    batchers = []
    for _ in range(2):
        batcher = Batcher(model, Limits(batch=1, delay=0.0), share)
        batchers.append(batcher)
        share = share or batcher.budget
    futures = [batcher.submit(FILES) for batcher in batchers]
    for future in futures:
        future.result(20)
    for batcher in batchers:
        batcher.close()
    assert most == 2
