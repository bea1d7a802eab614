"""CpuBudget: decoding and inference overlap, and never use more cores than there are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import pytest

from edgewbc.lab import cpu_budget
from edgewbc.lab.cpu_budget import CpuBudget, one_thread_in_opencv


def engine(threads: int, streams: int) -> Any:
    """Return what the budget needs of an engine."""
    return SimpleNamespace(info=SimpleNamespace(threads=threads, streams=streams))


@pytest.mark.parametrize(("threads", "streams", "weight"), [(1, 1, 1), (2, 2, 1), (4, 2, 2), (3, 2, 1), (2, 1, 2)])
def test_never_more_work_than_cores(threads: int, streams: int, weight: int) -> None:
    """However many threads ask at once, the work in progress never needs more cores than there are, and all finish."""
    budget, now, most, done = CpuBudget(engine(threads, streams)), 0, 0, 0
    lock = threading.Lock()

    def work(hold: Callable[[], AbstractContextManager[object]], size: int) -> None:
        nonlocal now, most, done
        for _ in range(10):
            with hold():
                with lock:
                    now += size
                    most = max(most, now)
                time.sleep(0.0005)
                with lock:
                    now -= size
                    done += 1

    tasks = [(budget.decoding, 1)] * 4 + [(budget.inference, weight)] * 3
    workers = [threading.Thread(target=work, args=task) for task in tasks]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert done == 70
    assert most <= threads


@pytest.mark.parametrize(
    ("threads", "streams", "decoding", "inference"),
    [(2, 2, 2, 0), (2, 2, 1, 1), (2, 2, 0, 2), (4, 2, 2, 1), (4, 2, 0, 2), (3, 2, 1, 2), (6, 4, 2, 4)],
)
def test_work_overlaps_up_to_the_number_of_cores(threads: int, streams: int, decoding: int, inference: int) -> None:
    """Tasks that together need exactly all cores are in progress at the same time: they meet at a barrier."""
    budget = CpuBudget(engine(threads, streams))
    meeting = threading.Barrier(decoding + inference)
    met: list[bool] = []

    def work(hold: Callable[[], AbstractContextManager[object]]) -> None:
        with hold():
            try:
                meeting.wait(20)  # passes only while every other task is in progress too
            except threading.BrokenBarrierError:
                return
            met.append(True)

    tasks = [budget.decoding] * decoding + [budget.inference] * inference
    workers = [threading.Thread(target=work, args=(task,)) for task in tasks]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(met) == decoding + inference


def test_cores_are_released_after_a_failure() -> None:
    """A task that raises while it holds cores releases them."""
    budget = CpuBudget(engine(2, 1))
    for hold in (budget.inference, budget.decoding, budget.inference):
        with pytest.raises(OSError, match="failed"), hold():
            raise OSError("failed")


def test_only_large_files_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files, and names without a file, do not wait while a large one is held."""
    monkeypatch.setattr(cpu_budget, "LARGE", 10)
    budget = CpuBudget(engine(1, 1))
    (tmp_path / "small").write_bytes(b"0" * 9)
    (tmp_path / "large").write_bytes(b"0" * 10)
    with budget.file(tmp_path / "large"):
        assert budget._large_file.locked()
        for name in ("small", "missing", "a\0b"):
            with budget.file(tmp_path / name):
                pass
    assert not budget._large_file.locked()


def test_opencvs_threads_are_restored() -> None:
    """OpenCV uses one thread inside, also when two blocks overlap; its setting is restored when the last one ends."""
    before = cv2.getNumThreads()
    first, second = one_thread_in_opencv(), one_thread_in_opencv()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cv2.getNumThreads() == 1
    second.__exit__(None, None, None)
    assert cv2.getNumThreads() == before
