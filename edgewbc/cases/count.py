"""Count a slide: from image files to a case, image by image, so that an interrupted count is resumed."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edgewbc._version import __version__
from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.manifest import BundleManifest
from edgewbc.cases import bundle as case_bundle
from edgewbc.cases.case import Case
from edgewbc.cases.cells import Exclusion
from edgewbc.cases.file import CASE, CELLS, CROPS, JOURNAL, CaseInfo, CellIndex, IndexedCell
from edgewbc.cases.labels import NOT_WHITE_CELLS
from edgewbc.errors import StalledError, UserError
from edgewbc.images.decode import ImageError, decode
from edgewbc.images.discover import search
from edgewbc.images.files import read
from edgewbc.lab import cell_crops
from edgewbc.lab.classify import ASK_BUNDLE, LoadedBundle
from edgewbc.lab.journal import Journal
from edgewbc.lab.pipeline import BATCH
from edgewbc.lab.results import ResultRow, Status
from edgewbc.lab.resume import classify_into, open_journal, pending
from edgewbc.lab.run_microscope import fields_warning, learned_microscope, named_microscope
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.lab.verdict import Usual, Verdict
from edgewbc.lab.watchdog import end_if_frozen
from edgewbc.pixels import Box, Image
from edgewbc.reasons import ReasonKind
from edgewbc.smear.overlap import Overlaps
from edgewbc.utils.files import make_folder, occupied
from edgewbc.utils.optional import installed_versions
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import utc_now

CONFIRM = "The software's labels count only where a person confirms them."
"""What follows where a slide's images are unlike those of training."""


@dataclass(frozen=True)
class CountRequest:
    """What to count, and what is known of the case.

    Attributes:
        paths: image files and folders.
        to: folder of the case.
        cells: number of white cells to stop at; None counts all.
        case: id of the case; None is the name of its folder.
        wbc: white cells in 10^9/L from the analyzer, if known.
        by: the person who has it counted.
        accession: accession or order number.
        thresholds, precision, threads: see `LoadedBundle.load`.
        batch: images per inference call.
        microscope: file of a profile; None learns it from the images.
    """

    paths: Sequence[Path]
    to: Path
    cells: int | None = None
    case: str | None = None
    wbc: float | None = None
    by: str | None = None
    accession: str | None = None
    thresholds: ReviewThresholds = ASK_BUNDLE
    precision: str | None = None
    threads: int | None = None
    batch: int = BATCH
    microscope: Path | None = None


def run(
    request: CountRequest,
    open_bundle: Callable[[], Bundle] | None = None,
    *,
    say: Callable[[str], None],
    progress: Progress = quiet,
) -> Case:
    """Count a slide and return its case, opened for reading. If a count is interrupted, the same call resumes it.

    Images are taken in the order of `in_order`, and the cells of a field from top to bottom. Cells that are cut off,
    and those that an image before shows already, are kept but not counted. Counting ends at the number of white cells
    that was asked for; cells that a person has yet to look at are among them.

    Args:
        request: what to count.
        open_bundle: opens the bundle that a person named; called after the paths are checked. None chooses one, see
            `bundle.choose`.
        say: takes messages for a person, one line each.
        progress: shows the progress.

    Raises:
        UserError: bad paths or details, a folder that holds something else or a signed case, a bundle that cannot be
            used, another microscope than before, or an image that changed meanwhile.
        StalledError: nothing moves any more; the count can be resumed.
    """
    details = CaseInfo(request.case or request.to.resolve().name, utc_now()).with_details(
        request.case, request.wbc, request.by, request.accession
    )
    found = search(request.paths, [request.to])
    names = in_order(found.names)
    known = _check_folder(request)
    for remark in found.remarks():
        say(remark)
    with end_if_frozen():
        if open_bundle is None:
            bundle = case_bundle.choose(known, names, say)
        else:
            bundle = open_bundle()
            case_bundle.check(known, bundle)
        model, journal = open_journal(
            bundle,
            request.to / JOURNAL,
            request.precision,
            request.threads,
            request.thresholds,
            microscope=named_microscope(request.microscope, bundle),
            learn=partial(learned_microscope, bundle, names, progress),
        )
        with journal:
            if model.by_cell and bundle.pixels.reference is not None:
                say(model.microscope.describe(bundle.pixels.reference))
                for remark in model.microscope.remarks:
                    say(remark)
            _check_unsigned(request.to, journal)
            make_folder(request.to / CROPS)
            (request.to / CELLS).unlink(missing_ok=True)
            _describe(request, model, known or details)
            fields = "" if open_bundle is None else fields_warning(bundle, names)
            try:
                index = _Count(request, model, journal, fields).run(names, say, progress)
            except (KeyboardInterrupt, StalledError):
                say(f"all results so far are in {request.to}; run the same command again to resume")
                raise
            journal.flush()
            index.write(request.to)
    return Case.read(request.to)


def in_order(names: Sequence[str]) -> list[str]:
    """Return image files in the order in which they are counted: by path, numbers in it by their value.

    So `field-2.png` comes before `field-10.png`, whatever the order of the folder is.
    """

    def parts(name: str) -> tuple[list[tuple[int, int, str]], str]:
        split = re.split(r"([0-9]+)", name)
        return [(0, int(part), "") if i % 2 else (1, 0, part) for i, part in enumerate(split)], name

    return sorted(names, key=parts)


def _check_folder(request: CountRequest) -> CaseInfo | None:
    """Return what the folder's case is; None for a new one. Raises UserError if the folder cannot be used."""
    to = request.to
    inside = [path for path in request.paths if path.is_dir() and to.resolve().is_relative_to(path.resolve())]
    if inside:
        raise UserError(
            f"{to}: is inside of {inside[0]}, so that the case's crops would be counted too: name a folder elsewhere"
        )
    if (to / CASE).is_file():
        return CaseInfo.read(to)
    if occupied(to) and not (to / JOURNAL).is_file() and not _only_begun(to):
        raise UserError(f"{to}: is not empty and holds no case: give another --to")
    return None


def _only_begun(to: Path) -> bool:
    """Return whether a folder holds only what a count that was killed at once leaves: no results yet, and no crops."""
    return to.is_dir() and all(
        path.name.startswith(f"{JOURNAL}.") or (path.name == CROPS and not occupied(path)) for path in to.iterdir()
    )


def _check_unsigned(to: Path, journal: Journal) -> None:
    signed = journal.sign_offs()
    if signed:
        raise UserError(
            f"{to}: was signed by {signed[-1].who} at {signed[-1].at}, so nothing is added to it: count into another "
            "folder with --to"
        )


def _describe(request: CountRequest, model: LoadedBundle, info: CaseInfo) -> None:
    """Write `case.json`: what is known of a case, and what it is counted with now."""
    bundle, profile = model.bundle, model.microscope.profile
    replace(
        info.with_details(request.case, request.wbc, request.by, request.accession),
        asked=request.cells,
        images=tuple(os.path.abspath(path) for path in request.paths),  # noqa: PTH100
        bundle=bundle.name,
        bundle_sha256=_sums_sha256(bundle),
        model_sha256=model.sha256,
        precision=model.engine.info.precision,
        profile_sha256="" if profile is None else profile.sha256,
        settings=model.settings,
        versions={
            "edgewbc": __version__,
            "python": platform.python_version(),
            **installed_versions("openvino", "numpy", "opencv-python-headless"),
        },
    ).write(request.to)


def _sums_sha256(bundle: Bundle) -> str:
    """Return the hash of a bundle's list of checksums, which covers all of its files."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(bundle.sums.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


class _Count:
    """One count: what was seen so far, image by image."""

    def __init__(self, request: CountRequest, model: LoadedBundle, journal: Journal, warning: str = "") -> None:
        self._request, self._model, self._journal = request, model, journal
        manifest: BundleManifest = model.bundle.manifest
        self._verdict = Verdict(Usual.of(manifest), warnings=tuple(filter(None, [warning, *model.warnings])))
        self._overlaps = Overlaps()
        self._files: dict[str, dict[int, int]] = {}
        self._cells: list[IndexedCell] = []
        self._white = 0

    def run(self, names: Sequence[str], say: Callable[[str], None], progress: Progress) -> CellIndex:
        """Classify what has no result yet, and return the cells in the order of counting."""
        images = 0
        for name in progress(self._classified(names, say), "count", len(names)):
            images += 1
            self._add(name)
            if self._full:
                break
        warning = self._verdict.sentence_with(CONFIRM) if self._verdict.unlike else ""
        return CellIndex(tuple(self._cells), warning, images, len(names) - images)

    @property
    def _full(self) -> bool:
        return self._request.cells is not None and self._white >= self._request.cells

    def _classified(self, names: Sequence[str], say: Callable[[str], None]) -> Iterator[str]:
        """Yield each image once the journal has its cells."""
        todo = set(pending(self._journal, names))
        if len(todo) < len(names):
            say(f"resuming: {len(names) - len(todo)} of {len(names)} images are in the case")
        made = classify_into(self._model, self._journal, [name for name in names if name in todo], self._request.batch)
        try:
            for name in names:
                if name in todo:
                    next(made)
                yield name
        finally:
            made.close()  # type: ignore[attr-defined]

    def _add(self, name: str) -> None:
        """Add the cells of an image: cut their crops, and find out which of them are counted."""
        rows = self._journal.numbered_cells(name)
        for _, row in rows:
            self._verdict.add(row)
        rows.sort(key=lambda each: _place(each[1]))
        first = rows[0][1]
        image = _pixels(name, first)
        if image is None:
            self._cells += [IndexedCell(number) for number, _ in rows]
            return
        copies = self._files.get(first.image_sha256)
        whole = [row for row in rows if not _is_cut_off(row[1]) and row[1].label]
        same: dict[int, int] = {}
        if copies is None:
            self._files[first.image_sha256] = {row.cell: number for number, row in rows}
            ids = [number for number, _ in whole]
            same = dict(zip(ids, self._overlaps.add(image, [row.box for _, row in whole], ids), strict=True))
        excluded: Exclusion | None
        for number, row in rows:
            if copies is not None:
                excluded, twin = Exclusion.SAME_IMAGE, copies.get(row.cell, 0)
            elif _is_cut_off(row):
                excluded, twin = Exclusion.CUT_OFF, 0
            elif same.get(number):
                excluded, twin = Exclusion.OVERLAP, same[number]
            else:
                excluded, twin = self._count(row), 0
            self._cells.append(self._indexed(number, row, image, excluded, twin))

    def _count(self, row: ResultRow) -> Exclusion | None:
        """Count a cell towards the number asked for; return why not if there are enough already."""
        if self._full:
            return Exclusion.BEYOND
        self._white += bool(row.label) and row.label not in NOT_WHITE_CELLS
        return None

    def _indexed(self, number: int, row: ResultRow, image: Image, excluded: Exclusion | None, twin: int) -> IndexedCell:
        part: Box = cell_crops.window(image, row.box)
        crop = f"{number:06d}.jpg"
        digest = cell_crops.save(self._request.to / CROPS / crop, cell_crops.crop(image, part))
        return IndexedCell(number, excluded, twin, crop, digest, part)


def _is_cut_off(row: ResultRow) -> bool:
    """Return whether a cell is cut off by the edge of a field. (An image of one cell was taken of just that one.)"""
    return bool(row.cell) and any(reason.kind == ReasonKind.CUT_OFF for reason in row.reasons)


def _place(row: ResultRow) -> tuple[float, float]:
    """Return where a cell is in its image, to sort the cells of a field from top to bottom."""
    if row.box is None:
        return 0.0, 0.0
    left, top, width, height = row.box
    return top + height / 2, left + width / 2


def _pixels(name: str, row: ResultRow) -> Image | None:
    """Return the pixels of an image that was classified; None if its row says that it cannot be read.

    Raises:
        UserError: it changed meanwhile.
    """
    problem = "it changed"
    try:
        contents = read(Path(name))
        if contents.sha256 == row.image_sha256:
            return decode(contents.data).image
    except ImageError as error:
        if row.status == Status.ERROR:
            return None
        problem = str(error)
    raise UserError(f"{name}: could not be read again while it was counted ({problem}): run the same command again")
