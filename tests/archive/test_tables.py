"""Names and rows as Arrow tables: what comes out is what went in, whatever bytes a name has."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

from edgewbc.archive import tables
from edgewbc.errors import StalledError, UserError
from edgewbc.images.files import NOT_READ, FileVersion
from edgewbc.lab.journal import Reading
from edgewbc.lab.results import ResultRow, Status

pytestmark = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed (extra archive)")

CLASSES = ("neutrophil", "eosinophil")
NOT_UNICODE = os.fsdecode(b"cell-\xff.png")


def test_names_and_the_number_of_their_part() -> None:
    """A name that is not Unicode is the same bytes on the other side."""
    found = tables.of_names([b"a b.png", b"cell-\xff.png"], 7)
    assert tables.names(found) == ["a b.png", NOT_UNICODE]
    assert tables.part(found) == 7


def test_rows_are_read_back_by_image() -> None:
    """Two images with the same name and version stay two; rows of one image stay together, with hash and boxes."""
    version = FileVersion(120, 5_000_000_001, 6, 7)
    shares = {"neutrophil": 0.75, "eosinophil": 0.25}
    cells = tuple(
        ResultRow("f.png", "neutrophil", 0.75, shares, model_sha256="m", cell=cell, box=box, image_sha256="s")
        for cell, box in ((1, (1.0, 2.0, 3.5, 4.0)), (2, (5.0, 6.0, 7.0, 8.0)))
    )
    failed = ResultRow(NOT_UNICODE, "", None, {}, Status.ERROR, f"{NOT_UNICODE}: damaged", "m")
    given = [Reading(cells, version, "s"), Reading((failed,), NOT_READ, ""), Reading((failed,), NOT_READ, "")]
    found = list(tables.images(tables.of_images(given), CLASSES))
    assert found == given
    assert [row.image_sha256 for image in found for row in image.rows] == ["s", "s", "", ""]
    assert list(tables.images(tables.of_images([]), CLASSES)) == []


@pytest.mark.parametrize("error", [UserError(f"{NOT_UNICODE}: no"), StalledError("stuck")])
def test_what_ends_a_run_is_raised_where_the_table_is_read(error: UserError | StalledError) -> None:
    """With its class, which decides the exit code, and its text."""
    with pytest.raises(type(error)) as raised:
        list(tables.images(tables.of_failure(error), CLASSES))
    assert str(raised.value) == str(error)
