"""Classify into a journal, and go on where a run was broken off."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.discover import SUFFIXES
from edgewbc.lab.classify import Model, Row
from edgewbc.lab.journal import Journal, OtherSettings, Version
from edgewbc.lab.pipeline import BATCH, Outcome
from edgewbc.runtime import tuning


def place(out: Path | None, named: Path | None) -> Path | None:
    """Where the journal is: as named, else beside the file of rows; None where there is no such file.

    Raises:
        UserError: the name is a folder's, a picture's, or that of the file of rows.
    """
    if named is None:
        return None if out is None else out.with_name(f"{out.name}.journal")
    if named.is_dir() or named.suffix.lower() in SUFFIXES or (out is not None and _same(named, out)):
        raise UserError(f"{named}: give --journal a file of its own, such as cells.journal")
    return named


def check_not_among(names: Iterable[str], *files: Path | None) -> None:
    """See that the files that are written are not among those that are read.

    On Linux and macOS a process that opens its own journal a second time would lose its lock on it.

    Raises:
        UserError: one is.
    """
    ours = {os.path.realpath(file) for file in files if file is not None}
    last = {os.path.basename(name) for name in ours}  # noqa: PTH119
    for name in names:
        if (os.path.islink(name) or os.path.basename(name) in last) and os.path.realpath(name) in ours:  # noqa: PTH114, PTH119
            raise UserError(f"{name}: is where the answers are written, and cannot be classified too")


def begin(
    bundle: Bundle, place: Path | None, precision: str | None = None, threads: int | None = None
) -> tuple[Model, Journal]:
    """Compile a bundle's model and open the journal for its answers.

    A journal that was begun in another precision is gone on with in that one, unless the user wishes for one: `doctor`
    may have found since that another is faster here, and the answers of one journal are of one model.

    Args:
        bundle, precision, threads: see `Model.load`.
        place: of the journal; None for a private one.

    Raises:
        UserError: as `Model.load` and `Journal`.
    """
    model = Model.load(bundle, precision, threads)
    try:
        return model, Journal(place, model.settings, model.engine.info.to_json())
    except OtherSettings as other:
        sha256, compute = str(other.held.get("model_sha256")), str(other.held.get("compute"))
        before = None if precision else tuning.as_before(bundle, threads, sha256, compute)
        if before is None:
            raise
    model = Model.of(bundle, before)
    return model, Journal(place, model.settings, model.engine.info.to_json())


def left(journal: Journal, names: Iterable[str]) -> list[str]:
    """The files that have no answer yet: new ones, ones that have changed since, and ones that could not be read."""
    return [name for name in names if not journal.holds(name, _version(name))]


def answer(model: Model, journal: Journal, names: Iterable[str], batch: int = BATCH) -> Iterator[Row]:
    """Classify files, in order, and keep each answer before the next is asked for; see `Journal.add`.

    Raises:
        UserError: the journal cannot be written.
    """
    for outcome in model.outcomes(map(Path, names), batch):
        yield keep(model, journal, outcome)


def keep(model: Model, journal: Journal, outcome: Outcome) -> Row:
    """What is said of a picture, when the journal has it. Raises UserError if that cannot be written."""
    row = model.row(outcome)
    journal.add(row, Version(outcome.size, outcome.mtime_ns), outcome.sha256)
    return row


def _version(name: str) -> Version:
    try:
        return Version.of(os.stat(name))  # noqa: PTH116
    except (OSError, ValueError):
        return Version(-1, -1)  # of no file: it is tried, and its row says why it cannot be read


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
