"""The marks that a worker leaves, and the names of its rows; runs of workers are tested in test_engine."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from edgewbc.archive import tables
from edgewbc.archive.worker import ENDS_PROCESS, Mark, Worker, WorkerTask, of_results
from edgewbc.bundle.bundle import Bundle
from edgewbc.images.files import NOT_READ, FileVersion
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.journal_schema import to_json
from edgewbc.lab.prepared_image import CellResult, ImageResult
from edgewbc.lab.results import Status
from edgewbc.runtime import tuning
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
    choice = tuning.choice_of_model(model.bundle, 1, model.sha256, model.engine.info.compute)
    assert choice is not None
    settings = to_json(model.settings)
    task = WorkerTask(model.bundle.path, choice, model.thresholds, model.microscope, settings, 4, tmp_path / "marks")
    paths = averaged.write(tmp_path / "cells")
    found = Worker(task)(tables.of_names([str(path).encode() for path in paths], 0))
    rows = [row for reading in tables.images(found, model.bundle.classes) for row in reading.rows]
    assert [row.label for row in rows] == [model.bundle.classes[index] for index in averaged.MEAN]


def test_rows_have_the_name_of_the_journal(bundle: Bundle) -> None:
    """A result of a local copy is that of the URL; an image that ended processes is a row with that reason."""
    model, version = LoadedBundle.load(bundle, threads=1), FileVersion(9, 0)
    cell = CellResult(np.eye(1, len(bundle.classes), 2, dtype=np.float32)[0], np.zeros(8, np.float32))
    result = ImageResult(Path("/tmp/copy/0"), "abc", version, (cell,), shape=(20, 24))  # noqa: S108
    bad = replace(result, cells=(), version=NOT_READ, error=ENDS_PROCESS)
    found, other = of_results(model, ["s3://bucket/a.png", "b.png"], [result, bad])
    assert (found.version, found.sha256) == (version, "abc")
    assert [(row.path, row.label) for row in found.rows] == [("s3://bucket/a.png", bundle.classes[2])]
    assert [(row.path, row.status, row.reason) for row in other.rows] == [("b.png", Status.ERROR, ENDS_PROCESS)]
