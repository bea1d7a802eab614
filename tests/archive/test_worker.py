"""The marks that a worker leaves, and its labels; runs of workers are tested in test_engine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from edgewbc.archive import tables
from edgewbc.archive.worker import Mark, RayTask, Worker
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.worker_task import WorkerTask
from tests import averaged


def test_a_mark_counts_beyond_the_end_of_its_process(tmp_path: Path) -> None:
    """Another object with the same path sees it; once removed, it counts from 0; marks do not disturb each other."""
    mark, other = Mark(tmp_path / "marks" / "part-1"), Mark(tmp_path / "marks" / "part-2")
    assert mark.count() == 0
    mark.add()
    mark.add()
    other.add()
    assert (Mark(mark.path).count(), other.count()) == (2, 1)
    mark.remove()
    mark.remove()
    assert (mark.count(), other.count()) == (0, 1)
    other.remove()
    assert not mark.path.parent.exists()  # nothing stays on a machine of a cluster


def test_a_disk_that_keeps_no_mark_counts_nothing(tmp_path: Path) -> None:
    """The part is classified all the same."""
    (tmp_path / "file").write_bytes(b"")
    mark = Mark(tmp_path / "file" / "part-1")
    mark.add()
    mark.remove()
    assert mark.count() == 0


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed (extra archive)")
def test_a_worker_gives_the_label_of_all_views(tmp_path: Path) -> None:
    """Of a bundle that takes labels from their mean, as `classify` does."""
    model = LoadedBundle.load(averaged.averaged_bundle(tmp_path / "b"), "int8", threads=1)
    task = RayTask(WorkerTask.of(model, 4), tmp_path / "marks")
    paths = averaged.write(tmp_path / "cells")
    found = Worker(task)(tables.of_names([str(path).encode() for path in paths], 0))
    rows = [row for reading in tables.images(found, model.bundle.classes) for row in reading.rows]
    assert [row.label for row in rows] == [model.bundle.classes[index] for index in averaged.MEAN]
