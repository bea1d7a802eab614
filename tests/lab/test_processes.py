"""Classifying in a process per core: the rows are those of this process, whatever becomes of the workers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import StalledError, UserError
from edgewbc.lab import processes
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.engine import ThisProcess
from edgewbc.lab.journal import Journal
from edgewbc.lab.processes import Processes
from edgewbc.lab.worker_task import ENDS_PROCESS, WorkerBugError, WorkerTask
from tests.lab import test_fields
from tests.lab.engine_runs import classified, mixed_folder
from tests.lab.test_fields import spec
from tests.tiny import encode, make_image
from tests.waiting import HEEDS_CTRL_C, until

__all__ = ["spec"]

FAULTY = Path(__file__).parent / "faulty"
fields = test_fields.bundle
on_two = partial(classified, threads=2)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The worker processes that are started meanwhile; at the end, all have ended."""
    found: list[subprocess.Popen[bytes]] = []
    begin = processes._Process.__init__

    def told(self: Any) -> None:
        begin(self)
        found.append(self._process)

    monkeypatch.setattr(processes._Process, "__init__", told)
    yield found
    for process in found:
        process.wait(30)


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Nine images of a cell each."""
    folder = tmp_path / "cells"
    folder.mkdir()
    for number in range(9):
        (folder / f"{number}.png").write_bytes(encode(make_image(number)))
    return folder


def test_rows_are_those_of_this_process(fields: Bundle, tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    """Cells with boxes, errors, reasons and a name that is not Unicode: the results files are the same, in bytes."""
    top = mixed_folder(tmp_path / "smear")
    plain = on_two(fields, tmp_path / "plain.csv", ThisProcess(), top)
    assert plain.count(b"\n") > 7
    assert on_two(fields, tmp_path / "processes.csv", Processes(), top) == plain
    assert len(started) == 2


def test_relative_names_lead_to_the_same_files(
    bundle: Bundle, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers run in the same folder; modules in it are not imported."""
    (tmp_path / "pickle.py").write_text("raise SystemExit(5)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    plain = on_two(bundle, Path("plain.csv"), ThisProcess(), Path("cells"))
    assert on_two(bundle, Path("processes.csv"), Processes(), Path("cells")) == plain


def test_a_run_is_resumed_by_either(
    bundle: Bundle, cells: Path, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    """Only new images are classified again, and a run with nothing to do starts no process."""
    out = tmp_path / "rows.csv"
    before = on_two(bundle, out, Processes(), cells)
    count = len(started)
    assert count > 0
    assert on_two(bundle, out, Processes(), cells) == before
    assert len(started) == count
    shutil.copy(cells / "0.png", cells / "new.png")
    after = on_two(bundle, out, ThisProcess(), cells)
    assert set(before.splitlines()) < set(after.splitlines())


def test_an_image_that_ends_processes_is_a_row(
    bundle: Bundle, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other images of the worker that it ended are classified, and none has two rows."""
    plain = on_two(bundle, tmp_path / "plain.csv", ThisProcess(), cells).splitlines()
    monkeypatch.setenv("PYTHONPATH", str(FAULTY))
    for name in ("once", "poison", "poison-too"):
        shutil.copy(cells / "0.png", cells / f"{name}.png")
    found = on_two(bundle, tmp_path / "processes.csv", Processes(), cells).splitlines()
    assert found[: len(plain)] == plain
    once, *poison = found[len(plain) :]
    assert once.split(b",")[1:] == plain[1].split(b",")[1:]
    assert [f',error,"{ENDS_PROCESS}",'.encode() in row for row in poison] == [True, True]


def test_workers_that_keep_ending_end_the_run(
    bundle: Bundle, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not the images then: none becomes an error, and the line says what to try."""
    monkeypatch.setenv("PYTHONPATH", str(FAULTY))
    monkeypatch.setattr(processes, "MAX_ENDS", 2)
    for image in list(cells.iterdir()):
        image.rename(cells / f"poison-{image.name}")
    with pytest.raises(UserError, match="keep ending, the last ended with exit code 9: leave out --engine processes"):
        on_two(bundle, tmp_path / "rows.csv", Processes(), cells)


def test_a_bug_is_told_once(bundle: Bundle, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error is raised with the worker's stack trace, and is not tried with each image."""
    monkeypatch.setenv("PYTHONPATH", str(FAULTY))
    (cells / "4.png").rename(cells / "bug.png")
    with pytest.raises(WorkerBugError, match=r"(?s)Traceback .*a bug at this image"):
        on_two(bundle, tmp_path / "rows.csv", Processes(), cells)


@pytest.mark.parametrize("error", [UserError("as a user's"), StalledError("no progress for 60 s")])
def test_errors_of_a_worker_are_those_of_the_run(
    bundle: Bundle, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """They end it with the same message and exit code as in this process."""
    monkeypatch.setattr(processes._Process, "ask", lambda *_: (_ for _ in ()).throw(error))
    with pytest.raises(type(error), match=str(error)):
        on_two(bundle, tmp_path / "rows.csv", Processes(), cells)


def test_a_worker_with_another_model_refuses(
    bundle: Bundle,
    cells: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    started: list[subprocess.Popen[bytes]],
) -> None:
    """Each worker compares its model and settings with those of the run; after its error it is waited for."""
    task = WorkerTask.of(LoadedBundle.load(bundle, threads=1), 2)
    other = WorkerTask(task.bundle, task.choice, task.thresholds, task.microscope, "{}", 2)
    monkeypatch.setattr(WorkerTask, "of", lambda *_: other)
    with pytest.raises(UserError, match="are not those of this run"):
        on_two(bundle, tmp_path / "rows.csv", Processes(), cells)
    assert started
    assert all(process.returncode is not None and process.stdout and process.stdout.closed for process in started)


@pytest.mark.skipif(os.name == "nt", reason="a script is no program there")
def test_a_worker_that_is_killed_before_it_is_ready(
    bundle: Bundle, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on with another one."""
    plain = on_two(bundle, tmp_path / "plain.csv", ThisProcess(), cells)
    python = tmp_path / "python"
    killed_once = 'mkdir "$0.been" 2>/dev/null && kill -9 $$'
    python.write_text(f'#!/bin/sh\n{killed_once}\nexec {sys.executable} "$@"\n', encoding="utf-8")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    assert on_two(bundle, tmp_path / "processes.csv", Processes(), cells) == plain
    assert (tmp_path / "python.been").exists()


@pytest.mark.skipif(os.name == "nt", reason="a script is no program there")
def test_workers_that_cannot_start(
    bundle: Bundle, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, with what to do, whether the program is missing or ends at once."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="cannot start a process: No such file or directory: leave out --engine"):
        on_two(bundle, tmp_path / "rows.csv", Processes(), cells)
    (tmp_path / "nowhere").write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    (tmp_path / "nowhere").chmod(0o700)
    with pytest.raises(UserError, match="a worker process ended with exit code 3: leave out --engine"):
        on_two(bundle, tmp_path / "rows.csv", Processes(), cells)
    (tmp_path / "nowhere").write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    monkeypatch.setattr(processes, "START_LIMIT", 0.3)
    with pytest.raises(UserError, match="a worker process was ended by signal 9: leave out --engine"):
        on_two(bundle, tmp_path / "rows.csv", Processes(), cells)


def test_a_run_that_is_left_early_ends_its_workers(
    bundle: Bundle, cells: Path, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    """Closing the rows, as an error or Ctrl-C does, leaves no process and no thread; what was yielded is recorded."""
    model = LoadedBundle.load(bundle, threads=2)
    names = [str(path) for path in sorted(cells.iterdir())] * 20
    with Journal(tmp_path / "rows.journal", model.settings) as journal:
        rows = iter(Processes().classify(model, journal, names, 2))
        first = next(rows)
        begin = time.monotonic()
        rows.close()  # type: ignore[attr-defined]
        assert time.monotonic() - begin < 5
        assert [row.label for row in journal.cells_of(names[0])] == [row.label for row in first]
    assert started
    assert all(process.wait(5) for process in started)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL and SIGINT")
@pytest.mark.parametrize("sent", ["SIGKILL", "SIGINT"])
def test_workers_end_with_their_run(bundle: Bundle, cells: Path, tmp_path: Path, sent: str) -> None:
    """Killed or interrupted, a run leaves no process behind, and is resumed with the rows of an undisturbed one."""
    for number in range(400):
        shutil.copy(cells / f"{number % 9}.png", cells / f"copy-{number}.png")
    plain = on_two(bundle, tmp_path / "plain.csv", ThisProcess(), cells)
    out = tmp_path / "rows.csv"
    options = ["--out", str(out), "--engine", "processes", "--threads", "2", "--batch", "1"]
    command = [sys.executable, "-c", HEEDS_CTRL_C, "classify", str(cells), "--model", str(bundle.path), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as child:
        until(lambda: Path(f"{out}.journal").exists() and len(_workers(child.pid)) == 2)
        workers = _workers(child.pid)
        os.killpg(child.pid, signal.Signals[sent])
        _, err = child.communicate(timeout=60)
    if sent == "SIGINT":
        assert child.returncode == 130, err
        assert err.splitlines()[-1] == "edgewbc: interrupted"
        assert "Traceback" not in err
    until(lambda: not any(map(_alive, workers)))
    assert on_two(bundle, out, Processes(), cells) == plain


def _workers(parent: int) -> list[int]:
    """Return the worker processes of a process."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()[1:]]
    return [int(row[0]) for row in rows if int(row[1]) == parent and "worker_process" in row[2]]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--watch"], "--engine processes: does not watch folders: leave out --watch"),
        ([], "--engine processes: needs a results file: give --out"),
    ],
)
def test_what_it_cannot_do(edgewbc: Callable[..., Any], cells: Path, options: list[str], message: str) -> None:
    """Named before anything is loaded."""
    ran = edgewbc("classify", cells, "--engine", "processes", *options)
    assert (ran.code, ran.err.strip()) == (2, f"edgewbc: {message}")
