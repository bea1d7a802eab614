"""What `classify --engine ray` refuses before Ray is started."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import pytest

from edgewbc.archive import run
from edgewbc.archive.cluster import ClusterOptions
from edgewbc.archive.parquet import MADE_BY
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab.classify_request import ClassifyRequest


def never() -> NoReturn:
    raise AssertionError("the bundle was opened")


@pytest.mark.parametrize(
    ("request_of", "line"),
    [
        (
            ClassifyRequest([Path()], Path("a.csv"), watch=True),
            "--engine ray: does not watch folders: leave out --watch",
        ),
        (ClassifyRequest([Path()]), "--engine ray: needs a results file: give --out"),
        (ClassifyRequest([Path()], Path("a.parquet")), "a.parquet: give --out a.csv; a.parquet is written next to it"),
    ],
)
def test_requests_that_ray_cannot_fulfill(
    request_of: ClassifyRequest, line: str, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line each; nothing is opened or written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        run.classify(request_of, ClusterOptions(), never, sys.stdout, say=print)
    assert str(error.value) == line
    assert list(tmp_path.iterdir()) == []


def test_a_list_is_not_replaced_by_the_table(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one that was drawn from an earlier table, and is known as one of edgewbc by its metadata."""
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)
    listed = Path("cells.parquet").absolute()
    parquet.write_table(pa.table({"path": ["a.jpg"]}).replace_schema_metadata({MADE_BY: b"classify"}), listed)
    before = listed.read_bytes()
    request = ClassifyRequest([], Path("cells.csv"), listed=["a.jpg"])
    with pytest.raises(UserError, match=r"^cells\.parquet: is a list of images, .*: rename --out$"):
        run.classify(request, ClusterOptions(), never, sys.stdout, say=print, lists=[listed])
    assert listed.read_bytes() == before
    assert list(tmp_path.iterdir()) == [listed]
