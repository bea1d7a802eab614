"""Watchdog: a run in which nothing moves ends by itself, with the stage named, and so does one that is frozen."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgewbc.errors import StalledError
from edgewbc.lab import watchdog
from edgewbc.lab.watchdog import Activity
from tests.lab import samples
from tests.tiny import make_bundle


def test_a_run_that_moves_is_never_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that takes far longer than the limit is waited for while another thread finishes steps."""
    monkeypatch.setattr(watchdog, "POLL", 0.01)
    activity, done = Activity(limit=0.1), threading.Event()

    def busy() -> None:
        while not done.wait(0.005):
            with activity.stage("decoding"):
                pass

    with ThreadPoolExecutor(2) as pool:
        pool.submit(busy)
        slow = pool.submit(lambda: done.wait(0.6) or "result")
        assert activity.result(slow) == "result"
        done.set()


def test_a_stalled_run_names_its_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stages are those that threads are in, the oldest first; a finished one is not named."""
    monkeypatch.setattr(watchdog, "POLL", 0.01)
    activity, release = Activity(limit=0.1), threading.Event()

    def stuck(name: str) -> None:
        with activity.stage("finished"):
            pass
        with activity.stage(name):
            release.wait(30)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(stuck, "reading a.jpg")
        time.sleep(0.05)
        pool.submit(stuck, "decoding b.jpg")
        with pytest.raises(StalledError, match=r"^no progress for 0 s, stopped while reading a.jpg; decoding b.jpg$"):
            activity.result(first)
        release.set()


def test_a_failure_is_raised_as_it_was() -> None:
    """Also a TimeoutError of the step itself, which is not the watchdog's."""

    def fail() -> None:
        raise TimeoutError("share")

    with ThreadPoolExecutor(1) as pool, pytest.raises(TimeoutError, match="share"):
        Activity().result(pool.submit(fail))


STUCK = """
    import signal, sys, threading
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
    sys.path.insert(0, {top!r})
    from edgewbc.lab import pipeline, prepared_image, watchdog
    from edgewbc.cli.main import main
    pipeline.LIMIT, watchdog.POLL, pipeline.GRACE = {limit}, 0.05, 0.2
    real = prepared_image.decode
    def decode(data, limit):
        if data == b"stuck":
            print("stuck", flush=True)
            threading.Event().wait(120)
        return real(data, limit)
    prepared_image.decode = decode
    main(["classify", "--model", {model!r}, {folder!r}, "--out", {out!r}, "--threads", "2", "--batch", "1"])
"""


def _stuck(tmp_path: Path, limit: float) -> subprocess.Popen[str]:
    """A `classify` of 5 images whose worker never returns from the fourth."""
    model, folder = make_bundle(tmp_path / "tiny"), tmp_path / "in"
    folder.mkdir()
    for index in range(5):
        (folder / f"{index}.png").write_bytes(b"stuck" if index == 3 else samples.LOSSLESS["png"])
    facts = {"model": str(model.path), "folder": str(folder), "out": str(tmp_path / "rows.csv"), "limit": limit}
    script = textwrap.dedent(STUCK).format(top=str(Path(__file__).parents[2]), **facts)
    return subprocess.Popen([sys.executable, "-c", script], stdout=-1, stderr=-1, text=True, cwd=tmp_path)


def test_a_stuck_worker_ends_the_run_with_the_journal_whole(tmp_path: Path) -> None:
    """Exit code 1 in one line that names the image; what was finished before is in the journal."""
    import sqlite3

    run = _stuck(tmp_path, limit=1.0)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "no progress for 1 s, stopped while decoding" in said
    assert "3.png" in said
    assert "run the same command again to resume" in said
    assert "Traceback" not in said
    with sqlite3.connect(tmp_path / "rows.csv.journal") as journal:
        assert journal.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not (tmp_path / "rows.csv").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_ends_a_run_whose_worker_is_stuck(tmp_path: Path) -> None:
    """Within seconds, though a worker never returns; at the latest when Ctrl-C is pressed again.

    Python drops an interrupt that arrives while a finalizer runs, which happens on busy machines.
    """
    run = _stuck(tmp_path, limit=600.0)
    assert run.stdout is not None
    assert run.stdout.readline() == "stuck\n"
    run.send_signal(signal.SIGINT)
    try:
        _, said = run.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=30)
    assert run.returncode in (1, 130)
    assert "run the same command again to resume" in said


FROZEN = """
    import ctypes, sys, time
    sys.path.insert(0, {top!r})
    from edgewbc.lab.watchdog import end_if_frozen
    with end_if_frozen(0.5):
        time.sleep(2)
        print("moves", flush=True)
        {step}
    print("ended", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="calls the C library's sleep")
def test_a_frozen_interpreter_is_ended() -> None:
    """A C call that keeps the interpreter lock ends with the process; one that returns in time does not."""

    def run(step: str) -> subprocess.CompletedProcess[str]:
        script = textwrap.dedent(FROZEN).format(top=str(Path(__file__).parents[2]), step=step)
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    frozen = run("ctypes.PyDLL(None).sleep(30)")
    assert (frozen.returncode, frozen.stdout) == (1, "moves\n")
    assert "Timeout" in frozen.stderr
    free = run("ctypes.CDLL(None).sleep(2)")
    assert (free.returncode, free.stdout) == (0, "moves\nended\n")
