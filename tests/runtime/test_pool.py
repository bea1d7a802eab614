"""Tests of edgewbc.runtime.pool."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle, ModelFiles
from edgewbc.errors import UserError
from edgewbc.pixels import prepare
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.pool import PredictorPool
from edgewbc.runtime.predictor import Backend, Batch, ModelInfo, Prediction, Predictor
from edgewbc.runtime.tuning import Choice
from tests.tiny import make_image


class MeetingPredictor(Predictor):
    """A predictor that waits at a barrier for the other predictors, and fails if it is called twice at once."""

    info = ModelInfo(Backend.OPENVINO, "f32", "f32", 2, (4, 4), threads=1)

    def __init__(self, barrier: threading.Barrier) -> None:
        self._inside, self._barrier = threading.Lock(), barrier

    def __call__(self, images: Batch) -> Prediction:
        assert self._inside.acquire(blocking=False)
        try:
            self._barrier.wait(60)
        finally:
            self._inside.release()
        zeros = np.zeros((len(images), 2), np.float32)
        return Prediction(zeros, zeros)


def test_pool_matches_a_single_predictor(bundle: Bundle) -> None:
    """The results are identical, whichever predictor of the pool runs the batch."""
    images = np.stack([prepare(make_image(seed), bundle.pixels) for seed in range(6)])
    want = OpenVINOPredictor.from_bundle(bundle, "f32", threads=1)(images)
    pool = Choice("f32", "f32", 2, 2).pool(bundle.read_model("openvino", "f32"))
    for _ in range(3):
        found = pool(images)
        np.testing.assert_array_equal(found.probabilities, want.probabilities)
        np.testing.assert_array_equal(found.features, want.features)
    assert (pool.info.threads, pool.info.streams, pool.info.classes) == (2, 2, len(bundle.classes))
    with pytest.raises(ValueError, match="not uint8"):
        pool(images[0])
    assert len(pool(images[:1]).probabilities) == 1  # still usable after the error


def test_predictors_run_one_batch_at_a_time() -> None:
    """With twelve threads and three predictors, three run at once and none is called twice at once."""
    three = threading.Barrier(3)
    pool = PredictorPool(lambda: MeetingPredictor(three), 3, 3)
    image = np.zeros((1, 4, 4, 3), np.uint8)
    found: list[int] = []
    callers = [threading.Thread(target=lambda: found.append(len(pool(image).probabilities))) for _ in range(12)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(60)
    assert found == [1] * 12
    assert pool.info.threads == pool.info.streams == 3


@pytest.mark.parametrize(("threads", "streams", "each"), [(3, 2, 1), (4, 2, 2), (1, 2, 1), (6, 4, 1)])
def test_threads_are_divided_among_predictors(
    bundle: Bundle, threads: int, streams: int, each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each predictor gets its share of the threads, at least one; callers may use all of them."""
    made: list[int] = []
    real = OpenVINOPredictor.from_files

    def from_files(files: ModelFiles, **options: Any) -> OpenVINOPredictor:
        made.append(options["threads"])
        return real(files, **options)

    monkeypatch.setattr(OpenVINOPredictor, "from_files", from_files)
    pool = Choice("f32", "f32", threads, streams).pool(bundle.read_model("openvino", "f32"))
    assert (pool.info.threads, pool.info.streams) == (threads, streams)
    assert made == [each]
    for _ in range(2):  # the second time there is nothing left to make
        pool.fill()
        assert made == [each] * streams


def test_predictors_are_made_when_they_are_needed() -> None:
    """One batch after the other needs one; two at once need two, and one that fails leaves the others usable."""
    two, made = threading.Barrier(2), list[MeetingPredictor]()

    def make() -> Predictor:
        if len(made) == 2:
            raise UserError("b: OpenVINO cannot run it: why")
        made.append(MeetingPredictor(two if made else threading.Barrier(1)))
        return made[-1]

    pool = PredictorPool(make, 3, 3)
    image = np.zeros((1, 4, 4, 3), np.uint8)
    assert [len(pool(image).probabilities) for _ in range(3)] == [1] * 3
    assert len(made) == 1
    made[0]._barrier = two
    callers = [threading.Thread(target=pool, args=(image,)) for _ in range(2)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(60)
    assert len(made) == 2
    with pytest.raises(UserError, match="cannot run it: why"):
        pool.fill()


def test_model_error_is_raised(bundle: Bundle) -> None:
    """An error of a predictor is raised by the pool."""

    def refuse() -> OpenVINOPredictor:
        raise UserError("b: OpenVINO cannot run it: why")

    with pytest.raises(UserError, match="cannot run it: why"):
        PredictorPool(refuse, 2, 2)
