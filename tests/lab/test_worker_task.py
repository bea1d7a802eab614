"""What another process is given, how much at once, and the names of its rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.files import NOT_READ, FileVersion
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.prepared_image import CellResult, ImageResult
from edgewbc.lab.results import Status
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.lab.worker_task import ENDS_PROCESS, WorkerTask, part_size, readings, unread
from edgewbc.smear.views import Views


def test_a_worker_decides_as_its_sender(bundle: Bundle) -> None:
    """It has the same settings, on one core."""
    model = LoadedBundle.load(bundle, threads=2, thresholds=ReviewThresholds(0.7))
    other = WorkerTask.of(model, 4).load()
    assert other.settings == model.settings
    assert (other.engine.info.threads, other.engine.info.streams) == (1, 1)


def test_a_worker_with_another_model_refuses(bundle: Bundle) -> None:
    """Each worker compares its model and settings with those of the run."""
    task = WorkerTask.of(LoadedBundle.load(bundle, threads=1), 4)
    with pytest.raises(UserError, match="the model or its settings are not those of this run"):
        replace(task, settings='{"model_sha256": "another"}').load()


def test_rows_have_the_name_of_the_journal(bundle: Bundle) -> None:
    """A result of a local copy is that of the URL; an image that ended processes is a row with that reason."""
    model, version = LoadedBundle.load(bundle, threads=1), FileVersion(9, 0)
    cell = CellResult(np.eye(1, len(bundle.classes), 2, dtype=np.float32)[0], np.zeros(8, np.float32))
    result = ImageResult(Path("/tmp/copy/0"), "abc", version, (cell,), shape=(20, 24))  # noqa: S108
    (found,) = readings(model, ["s3://bucket/a.png"], [result])
    other = unread(model, "b.png")
    assert (found.version, found.sha256, other.version, other.sha256) == (version, "abc", NOT_READ, "")
    assert [(row.path, row.label) for row in found.rows] == [("s3://bucket/a.png", bundle.classes[2])]
    assert [(row.path, row.status, row.reason) for row in other.rows] == [("b.png", Status.ERROR, ENDS_PROCESS)]


@pytest.mark.parametrize(
    ("images", "workers", "batch", "size"),
    [(1, 2, 32, 32), (20_000, 2, 32, 480), (1000, 2, 32, 128), (1000, 64, 32, 32), (9, 2, 2, 2), (10**6, 8, 1, 15)],
)
def test_part_size(images: int, workers: int, batch: int, size: int) -> None:
    """Whole batches, half a second of work at most, and several parts for each worker."""
    assert part_size(images, workers, batch) == size


@pytest.mark.parametrize(("images", "batch", "size"), [(20_000, 32, 75), (20_000, 2, 15), (9, 32, 5)])
def test_parts_of_fields_are_smaller(images: int, batch: int, size: int) -> None:
    """The network is run on six views of each of their cells."""
    assert part_size(images, 2, batch, Views()) == size
