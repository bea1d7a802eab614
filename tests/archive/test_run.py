"""What `classify --engine ray` refuses before Ray is started."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import pytest

from edgewbc.archive import run
from edgewbc.archive.cluster import ClusterOptions
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab.session import ClassifyRequest


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
