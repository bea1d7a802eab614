"""The marks that a worker leaves, and the names of its rows; runs of workers are tested in test_engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from edgewbc.archive.worker import ENDS_PROCESS, Mark, of_results
from edgewbc.bundle.bundle import Bundle
from edgewbc.images.files import NOT_READ, FileVersion
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.prepared_image import CellResult, ImageResult
from edgewbc.lab.results import Status


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
