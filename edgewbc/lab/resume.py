"""Classify into a journal, and skip what it already holds: the part of `classify` that makes a run resumable."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.decode import ImageError
from edgewbc.images.discover import SUFFIXES, is_url
from edgewbc.images.files import NOT_READ, FileVersion, read
from edgewbc.lab.classify import ASK_BUNDLE, ClassifiedImage, LoadedBundle
from edgewbc.lab.journal import Journal, Reading
from edgewbc.lab.journal_file import SettingsMismatch
from edgewbc.lab.microscope import Microscope
from edgewbc.lab.pipeline import BATCH
from edgewbc.lab.results import ResultRow
from edgewbc.lab.thresholds import ReviewThresholds, describe
from edgewbc.runtime import tuning
from edgewbc.utils.files import replaceable


def journal_path(out: Path | None, named: Path | None) -> Path | None:
    """Return where the journal is: as named, else next to the results file; None if there is no such file.

    Raises:
        UserError: the name is that of a folder, an image, a device, a pipe or the results file itself.
    """
    if named is None:
        if out is None:
            return None
        named = out.with_name(f"{out.name}.journal")
    elif named.is_dir() or named.suffix.lower() in SUFFIXES or (out is not None and _same(named, out)):
        raise UserError(f"{named}: give --journal a file of its own, such as cells.journal")
    try:
        replaceable(named)
    except OSError as error:
        raise UserError(f"{named}: cannot be written: {error.strerror}") from None
    return named


def check_not_inputs(names: Iterable[str], *outputs: Path | None) -> None:
    """Check that no file to be written is among those to be read.

    On Linux and macOS a process that opens its own journal a second time would lose its lock on it.

    Raises:
        UserError: one is.
    """
    ours = {os.path.realpath(file) for file in outputs if file is not None}
    last = {os.path.basename(name) for name in ours}  # noqa: PTH119
    for name in names:
        if (os.path.islink(name) or os.path.basename(name) in last) and os.path.realpath(name) in ours:  # noqa: PTH114, PTH119
            raise UserError(f"{name}: is where results are written, and cannot be classified too: name another file")


def open_journal(
    bundle: Bundle,
    path: Path | None,
    precision: str | None = None,
    threads: int | None = None,
    thresholds: ReviewThresholds = ASK_BUNDLE,
    *,
    microscope: Microscope | None = None,
    learn: Callable[[], Microscope] = Microscope,
) -> tuple[LoadedBundle, Journal]:
    """Compile a bundle's model and open the journal for its results.

    All results in a journal are of one model. If it was begun in another precision, that one is used again, unless
    the user asks for one: `doctor` may have found since that another is faster here. They are also of one microscope:
    the journal's, unless the user names one.

    Args:
        bundle, precision, threads, thresholds: see `LoadedBundle.load`.
        path: of the journal; None for a temporary one.
        microscope: that the user names, for a bundle that locates cells.
        learn: learns the microscope of a new journal where the user names none.

    Raises:
        UserError: as `LoadedBundle.load` and `Journal`.
    """
    model = LoadedBundle.load(bundle, precision, threads, thresholds)
    try:
        return _open(model, path, microscope, learn)
    except SettingsMismatch as mismatch:
        sha256, compute = str(mismatch.stored.get("model_sha256")), str(mismatch.stored.get("compute"))
        before = None if precision else tuning.choice_of_model(bundle, threads, sha256, compute)
        if before is None:
            _explain(path, mismatch, model, microscope)
            raise
    model = LoadedBundle.of(bundle, before, thresholds)
    try:
        return _open(model, path, microscope, learn)
    except SettingsMismatch as mismatch:
        _explain(path, mismatch, model, microscope)
        raise


def _open(
    model: LoadedBundle, path: Path | None, given: Microscope | None, learn: Callable[[], Microscope]
) -> tuple[LoadedBundle, Journal]:
    """Open the journal; return the model with its microscope."""

    def settings(stored: Mapping[str, Any] | None) -> Mapping[str, Any]:
        nonlocal model
        if model.by_cell:
            model = replace(model, microscope=given or _stored_microscope(path, stored, learn))
        return model.settings

    journal = Journal(path, settings, model.engine.info)
    return model, journal


def _stored_microscope(
    path: Path | None, stored: Mapping[str, Any] | None, learn: Callable[[], Microscope]
) -> Microscope:
    """Return a journal's microscope; learn that of a new journal. Raises UserError if it cannot be read."""
    if stored is None:
        return learn()
    try:
        return Microscope.from_json(stored["microscope"])
    except KeyError:  # of a bundle that locates no cells: the journal is refused for this
        return Microscope()
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(f"{path}: its microscope cannot be read ({error}): name another file with --journal") from None


def _explain(path: Path | None, mismatch: SettingsMismatch, model: LoadedBundle, given: Microscope | None) -> None:
    """Raise UserError if a journal differs from a run in nothing but the review thresholds or the microscope."""
    wanted = json.loads(json.dumps((model if given is None else replace(model, microscope=given)).settings))
    differ = {name for name, value in wanted.items() if mismatch.stored.get(name) != value}
    if differ == {"review_below"}:
        before = describe(mismatch.stored.get("review_below"))
        options = " ".join(f"--review-below {value}" for value in before.split(", "))
        raise UserError(
            f"{path}: holds results for the review threshold {before}, and this run has {model.thresholds}: "
            f"run again with {options}, or write to another file with --out (or --journal)"
        ) from None
    if differ == {"microscope"}:
        raise UserError(
            f"{path}: holds results for another microscope profile: run again without --microscope to use that one, or "
            "write to another file with --out (or --journal)"
        ) from None


def pending(journal: Journal, names: Iterable[str]) -> list[str]:
    """Return the files without a result: new ones, changed ones, and ones that could not be read last time."""
    if journal.is_empty:
        return list(names)
    return [name for name in names if not is_done(journal, name, _version(name))]


def is_done(journal: Journal, name: str, version: FileVersion) -> bool:
    """Return whether the journal has the result of a file's present content.

    Size and times alone do not tell: a camera's BMP files all have the same size, and copying and unpacking keep the
    modification time. Where the system also knows when a file was changed last and it is the file that was read, that
    is proof; if not, the file is read and its hash compared. (Measured on 2,000 images of 20 kB in the page cache: the
    proof takes 25 to 45 us per image, the hash 170 to 190 us; classifying one takes 1.2 ms.) What a URL leads to is
    taken not to change.
    """
    if is_url(name):
        return journal.was_read(name)
    if journal.has(name, version):
        return True
    recorded = journal.sha256(name, version.size)
    if not recorded:
        return False
    try:
        return read(Path(name)).sha256 == recorded
    except (ImageError, MemoryError):
        return False  # it is tried again, and its row says why it cannot be read


def classify_into(
    model: LoadedBundle, journal: Journal, names: Iterable[str], batch: int = BATCH
) -> Iterator[list[ResultRow]]:
    """Classify files, in order; yield the rows of each once they are recorded (see `Journal.add_all`).

    Raises:
        UserError: the journal cannot be written.
    """
    for images in model.classified(map(Path, names), batch):
        yield from record(journal, images)


def record(journal: Journal, images: Sequence[ClassifiedImage]) -> list[list[ResultRow]]:
    """Record the rows of images, all or none, and return them. Raises UserError if the journal cannot be written."""
    journal.add_all([Reading(rows, result.version, result.sha256) for result, rows in images])
    return [image.rows for image in images]


def _version(name: str) -> FileVersion:
    try:
        return FileVersion.of(os.stat(name))  # noqa: PTH116
    except (OSError, ValueError):
        return NOT_READ  # matches no file: it is tried, and its row says why it cannot be read


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
