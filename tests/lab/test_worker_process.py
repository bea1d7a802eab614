"""What a worker process answers; runs of several are tested in test_processes."""

from __future__ import annotations

import io
import os
import pickle  # noqa: S403
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab import worker_process
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.worker_task import WorkerBugError, WorkerTask
from tests import averaged
from tests.tiny import encode, make_image

FAULTY = Path(__file__).parent / "faulty"
ROOT = Path(__file__).parents[2]


def served(*questions: object) -> list[Any]:
    """Return a worker's answers to these questions."""
    answers = io.BytesIO()
    worker_process.serve(io.BytesIO(b"".join(map(pickle.dumps, questions))), answers)
    answers.seek(0)
    found = []
    while answers.tell() < len(answers.getvalue()):
        found.append(pickle.load(answers))  # noqa: S301
    return found


def labels(readings: Sequence[Any]) -> list[str]:
    """Return the labels of readings."""
    return [row.label for reading in readings for row in reading.rows]


def test_it_answers_until_the_questions_end(bundle: Bundle, tmp_path: Path) -> None:
    """First that its model is ready, then the readings of each list of names, as in one process."""
    model = LoadedBundle.load(bundle, threads=1)
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(encode(make_image(number)))
    names = [str(tmp_path / f"{number}.png") for number in range(3)]
    expected = [image.rows[0].label for group in model.classified(map(Path, names)) for image in group]
    ready, both, one = served(WorkerTask.of(model, 2), names[:2], names[2:])
    assert ready is None
    assert labels(both) + labels(one) == expected
    assert [reading.rows[0].path for reading in [*both, *one]] == names
    assert served() == []


def test_it_gives_the_label_of_all_views(tmp_path: Path) -> None:
    """Of a bundle that takes labels from their mean, as `classify` does."""
    model = LoadedBundle.load(averaged.averaged_bundle(tmp_path / "b"), "int8", threads=1)
    paths = averaged.write(tmp_path / "cells")
    _, found = served(WorkerTask.of(model, 4), [str(path) for path in paths])
    assert labels(found) == [model.bundle.classes[index] for index in averaged.MEAN]


def test_errors_are_its_last_answer(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's error as it is, an unexpected one with its stack trace; a parent that is gone is none."""
    task = WorkerTask.of(LoadedBundle.load(bundle, threads=1), 2)
    (refused,) = served(replace(task, settings="{}"), ["a.png"])
    assert isinstance(refused, UserError)
    assert "are not those of this run" in str(refused)

    def broken(*_: object) -> None:
        raise ZeroDivisionError("as unexpected")

    monkeypatch.setattr(worker_process, "readings", broken)
    ready, bug = served(task, ["a.png"], ["b.png"])
    assert ready is None
    assert isinstance(bug, WorkerBugError)
    assert "ZeroDivisionError: as unexpected" in str(bug)

    class Gone(io.BytesIO):
        def flush(self) -> None:
            raise BrokenPipeError

    worker_process.serve(io.BytesIO(pickle.dumps(task)), Gone())


def test_it_ends_in_the_middle_of_its_work(bundle: Bundle, tmp_path: Path) -> None:
    """As soon as its stdin is closed: its parent may have been killed, and a part may take minutes."""
    task = WorkerTask.of(LoadedBundle.load(bundle, threads=1), 2)
    environment = os.environ | {"PYTHONPATH": f"{FAULTY}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-P", "-m", "edgewbc.lab.worker_process"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **pipes) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        pickle.dump(task, worker.stdin)
        worker.stdin.flush()
        assert pickle.load(worker.stdout) is None  # noqa: S301
        pickle.dump([str(tmp_path / "slow.png")], worker.stdin)
        worker.stdin.close()
        assert worker.wait(10) == 0
        assert worker.stdout.read() == b""
