"""Permits: as many pictures and batches at work as there are cores for."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import pytest

from edgewbc.lab import cpu_budget
from edgewbc.lab.cpu_budget import Permits, one_thread_in_opencv


def engine(threads: int, streams: int) -> Any:
    return SimpleNamespace(info={"threads": threads, "streams": streams})


@pytest.mark.parametrize(("threads", "streams", "weight"), [(1, 1, 1), (2, 2, 1), (4, 2, 2), (3, 2, 1), (2, 1, 2)])
def test_no_more_at_work_than_threads(threads: int, streams: int, weight: int) -> None:
    """However many ask at once, what is at work never takes more cores than there are, and all get their turn."""
    given, now, most, done = Permits(engine(threads, streams)), 0, 0, 0
    lock = threading.Lock()

    def work(hold: Any, size: int) -> None:
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

    asking = [(given.picture, 1)] * 4 + [(given.batch, weight)] * 3
    workers = [threading.Thread(target=work, args=each) for each in asking]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert done == 70
    assert most <= threads


def test_permits_come_back_after_a_failure() -> None:
    """What fails while it holds a permit gives it back."""
    given = Permits(engine(2, 1))
    for hold in (given.batch, given.picture, given.batch):
        with pytest.raises(OSError, match="gone"), hold():
            raise OSError("gone")


def test_only_large_files_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files, and names of no file, never wait for a large one that is held."""
    monkeypatch.setattr(cpu_budget, "LARGE", 10)
    given = Permits(engine(1, 1))
    (tmp_path / "small").write_bytes(b"0" * 9)
    (tmp_path / "large").write_bytes(b"0" * 10)
    with given.file(tmp_path / "large"):
        assert given._large.locked()
        for name in ("small", "gone", "a\0b"):
            with given.file(tmp_path / name):
                pass
    assert not given._large.locked()


def test_opencv_has_its_threads_again() -> None:
    """One thread inside, also when two overlap; as before when the last has ended."""
    before = cv2.getNumThreads()
    first, second = one_thread_in_opencv(), one_thread_in_opencv()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cv2.getNumThreads() == 1
    second.__exit__(None, None, None)
    assert cv2.getNumThreads() == before
