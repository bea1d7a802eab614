"""Names and result rows as Arrow tables: what travels between the driver and the workers.

A name travels as its bytes, because a file name need not be valid Unicode.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edgewbc.errors import StalledError, UserError
from edgewbc.images.files import FileVersion
from edgewbc.lab.journal import Reading
from edgewbc.lab.results import ResultRow, Status

if TYPE_CHECKING:
    import pyarrow as pa

FAILURES: dict[str, type[UserError] | type[StalledError]] = {"user": UserError, "stalled": StalledError}
"""Errors that end a run, by the name under which they travel."""


def of_names(names: Sequence[bytes], part: int) -> pa.Table:
    """Return a table of names that one worker is to classify; `part` is its number."""
    import pyarrow as pa

    return pa.table({"name": pa.array(names, pa.binary()), "part": pa.array([part] * len(names), pa.int64())})


def names(table: pa.Table) -> list[str]:
    """Return the names of a table that `of_names` made."""
    return [os.fsdecode(name) for name in table.column("name").to_pylist()]


def part(table: pa.Table) -> int:
    """Return the number of a table that `of_names` made."""
    return int(table.column("part")[0].as_py())


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        {
            "image": pa.int32(),
            "name": pa.binary(),
            "size": pa.int64(),
            "mtime_ns": pa.int64(),
            "ctime_ns": pa.int64(),
            "inode": pa.int64(),
            "sha256": pa.string(),
            "cell": pa.int32(),
            "box": pa.list_(pa.float64()),
            "label": pa.string(),
            "probability": pa.float64(),
            "probabilities": pa.list_(pa.float64()),
            "status": pa.string(),
            "reason": pa.binary(),
            "model_sha256": pa.string(),
            "failure": pa.string(),
            "message": pa.binary(),
        }
    )


def of_images(images: Sequence[Reading]) -> pa.Table:
    """Return the rows of images as a table, the rows of one image one after the other."""
    import pyarrow as pa

    found = [
        {
            "image": number,
            "name": os.fsencode(row.path),
            "size": image.version.size,
            "mtime_ns": image.version.mtime_ns,
            "ctime_ns": image.version.ctime_ns,
            "inode": image.version.inode,
            "sha256": image.sha256,
            "cell": row.cell,
            "box": None if row.box is None else list(row.box),
            "label": row.label,
            "probability": row.probability,
            "probabilities": list(row.probabilities.values()),
            "status": str(row.status),
            "reason": os.fsencode(row.reason),
            "model_sha256": row.model_sha256,
        }
        for number, image in enumerate(images)
        for row in image.rows
    ]
    return pa.Table.from_pylist(found, _schema())


def of_failure(error: UserError | StalledError) -> pa.Table:
    """Return a table that says why a worker cannot go on."""
    import pyarrow as pa

    kind = next(name for name, of in FAILURES.items() if isinstance(error, of))
    return pa.Table.from_pylist([{"failure": kind, "message": os.fsencode(str(error))}], _schema())


def images(table: pa.Table, classes: Sequence[str]) -> Iterator[Reading]:
    """Yield the rows of each image of a table that `of_images` made.

    Raises:
        UserError, StalledError: the table says why a worker cannot go on.
    """
    rows: list[ResultRow] = []
    last: tuple[int, FileVersion, str] | None = None
    for values in table.to_pylist():
        if values["failure"] is not None:
            raise FAILURES[values["failure"]](os.fsdecode(values["message"]))
        version = FileVersion(values["size"], values["mtime_ns"], values["ctime_ns"], values["inode"])
        key = (values["image"], version, values["sha256"])
        if last is not None and last != key:
            yield Reading(tuple(rows), *last[1:])
            rows = []
        last = key
        left, top, width, height = values["box"] or (0.0, 0.0, 0.0, 0.0)
        rows.append(
            ResultRow(
                os.fsdecode(values["name"]),
                values["label"],
                values["probability"],
                dict(zip(classes, values["probabilities"], strict=False)),
                Status(values["status"]),
                os.fsdecode(values["reason"]),
                values["model_sha256"],
                values["cell"],
                None if values["box"] is None else (left, top, width, height),
                values["sha256"],
            )
        )
    if last is not None:
        yield Reading(tuple(rows), *last[1:])
