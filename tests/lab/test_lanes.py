"""Lanes: the same answers from several engines of one model."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgewbc.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab.engine import Engine
from edgewbc.lab.lanes import Lanes
from edgewbc.lab.tuning import Choice
from edgewbc.pixels import prepare
from tests.tiny import picture


def fake(most: int) -> Any:
    """An engine whose threads are counted: more at once in one engine than it may have is an error."""
    inside = threading.Semaphore(most)

    class One:
        info = {"threads": 1, "streams": 1, "requests": 2, "compute": "f32"}

        def __call__(self, pictures: Any) -> Any:
            assert inside.acquire(blocking=False)
            time.sleep(0.01)
            inside.release()
            return SimpleNamespace(count=len(pictures))

    return One()


def test_the_answers_are_an_engines(bundle: Bundle) -> None:
    """To the bit, whichever lane it was."""
    pictures = np.stack([prepare(picture(seed), bundle.pixels) for seed in range(6)])
    want = Engine.of(bundle, "f32", threads=1)(pictures)
    lanes = Choice("f32", "f32", 2, 2).lanes(bundle)
    for _ in range(3):
        found = lanes(pictures)
        np.testing.assert_array_equal(found.probabilities, want.probabilities)
        np.testing.assert_array_equal(found.features, want.features)
    assert (lanes.info["threads"], lanes.info["streams"], lanes.info["classes"]) == (2, 2, len(bundle.classes))
    with pytest.raises(ValueError, match="not uint8"):
        lanes(pictures[0])
    assert len(lanes(pictures[:1]).probabilities) == 1  # and it answers on


def test_an_engine_has_one_batch_at_a_time() -> None:
    """Twelve threads on three lanes: none meets another, and three work at once."""
    lanes = Lanes(lambda: fake(1), 3)
    found: list[int] = []
    start = time.perf_counter()
    asking = [threading.Thread(target=lambda: found.append(lanes([0]).count)) for _ in range(12)]  # type: ignore[arg-type]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(60)
    assert found == [1] * 12
    assert 0.04 <= time.perf_counter() - start < 0.11  # one lane would take 0.12
    assert lanes.info["threads"] == lanes.info["streams"] == 3


@pytest.mark.parametrize(("threads", "streams", "used"), [(3, 2, 2), (4, 2, 4), (1, 2, 2)])
def test_threads_are_shared_out(bundle: Bundle, threads: int, streams: int, used: int) -> None:
    """Each lane has its part of the threads, one at the least."""
    info = Choice("f32", "f32", threads, streams).lanes(bundle).info
    assert (info["threads"], info["streams"]) == (used, streams)


def test_a_model_that_cannot_run_is_told(bundle: Bundle) -> None:
    """As an engine tells it."""

    def refuse() -> Engine:
        raise UserError("b: OpenVINO cannot run it: why")

    with pytest.raises(UserError, match="cannot run it: why"):
        Lanes(refuse, 2)
