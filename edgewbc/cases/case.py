"""A case: one slide's cells in a folder, what the software and people said of each, and who signed.

    case.json       what the case is (`CaseInfo`)
    case.journal    the journal: results, decisions, sign-offs, with their checksums and hash chains
    cells.json      the cells in the order of counting, which are excluded, and their crops (`CellIndex`)
    crops/          an image of each cell with some surroundings

`edgewbc count` makes a case. A cell is decided on by `decide`, at once and in one transaction; `sign_off` closes a
version, and a later decision opens the next one. Nothing is ever changed or removed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgewbc.cases import differential as case_differential
from edgewbc.cases import labels as case_labels
from edgewbc.cases.cells import CaseCell
from edgewbc.cases.differential import CaseDifferential
from edgewbc.cases.file import CASE, CELLS, CROPS, JOURNAL, CaseInfo, CellIndex, IndexedCell, check_text
from edgewbc.cases.history import UNDO, CaseHistory, CaseState
from edgewbc.cases.snapshot import CaseRecords, read_records
from edgewbc.errors import UserError
from edgewbc.lab.journal import Journal
from edgewbc.lab.journal_review import Decision, Screen, SignOff
from edgewbc.lab.results import ResultRow, Status
from edgewbc.utils import text
from edgewbc.utils.files import sha256


@dataclass(frozen=True)
class _Seen:
    """What a person signs: a version of the case, its differential, and what was on the screen."""

    version: int
    differential: CaseDifferential
    screen: Screen | None

    def to_json(self) -> dict[str, Any]:
        """Return what is shown as JSON values, those of the screen beside the others."""
        screen = {} if self.screen is None else self.screen.to_json()
        return {**screen, "version": self.version, "differential": self.differential.to_json()}


class Case:
    """A case, opened for reading (`read`) or for a person's decisions (`open`).

    Its methods may be called from several threads.

    Attributes:
        folder: of the case.
        info: what it is.
        index: its cells and crops.
    """

    def __init__(self, folder: Path, info: CaseInfo, index: CellIndex, records: CaseRecords, journal: Journal | None):
        """Use `Case.open` or `Case.read`."""
        self.folder, self.info, self.index = folder, info, index
        self._journal = journal
        self._lock = threading.RLock()
        self._rows = dict(records.results)
        self._history = CaseHistory(records.decisions, records.sign_offs)
        missing = [cell.id for cell in index.cells if cell.id not in self._rows]
        if missing:
            raise UserError(f"{folder}: the journal has no cell {missing[0]}: run `edgewbc verify {folder}`")
        self._cells = {
            cell.id: self._cell(order, cell, self._history.latest.get(cell.id))
            for order, cell in enumerate(index.cells, 1)
        }

    @classmethod
    def open(cls, folder: Path) -> Case:
        """Open a case for decisions; no other process can meanwhile. Close it, or use it in a `with` block.

        Raises:
            UserError: it is not a case, counting has not ended, it is damaged, or another process has it open.
        """
        info, index = CaseInfo.read(folder), CellIndex.read(folder)
        _need_journal(folder)
        journal = Journal(folder / JOURNAL, lambda stored: stored or {})
        try:
            records = CaseRecords(journal.current(), journal.decisions(), journal.sign_offs())
            return cls(folder, info, index, records, journal)
        except BaseException:
            journal.close()
            raise

    @classmethod
    def read(cls, folder: Path) -> Case:
        """Read a case as it is now, also while another process has it open for decisions; nothing is written to it.

        Not for a process that has the case open itself: use that one.

        Raises:
            UserError: it is not a case, counting has not ended, or a row was altered.
        """
        info, index = CaseInfo.read(folder), CellIndex.read(folder)
        _need_journal(folder)
        return cls(folder, info, index, read_records(folder / JOURNAL), None)

    @property
    def classes(self) -> tuple[str, ...]:
        """The bundle's classes."""
        return tuple(str(name) for name in self.info.settings.get("classes", ()))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that a person may give a cell, in the order of the sheet."""
        return case_labels.allowed(self.classes)

    def cells(self, version: int | None = None) -> list[CaseCell]:
        """Return the cells in the order of counting.

        Args:
            version: as they were when this version was signed, from 1; None is as they are now.
        """
        with self._lock:
            if version is None:
                return list(self._cells.values())
            latest = self._history.latest_of_version(version)
            return [self._cell(order, cell, latest.get(cell.id)) for order, cell in enumerate(self.index.cells, 1)]

    def cell(self, number: int) -> CaseCell:
        """Return a cell by its id. Raises UserError if there is none."""
        try:
            return self._cells[number]
        except KeyError:
            raise UserError(f"{self.folder}: has no cell {number}") from None

    @property
    def open_cells(self) -> list[CaseCell]:
        """The cells that need a decision and have none, in the order of counting."""
        return [cell for cell in self.cells() if cell.open]

    def differential(self, version: int | None = None) -> CaseDifferential:
        """Return the differential as it stands, or as it was when a version was signed."""
        return case_differential.of_cells(self.cells(version), self.classes, self.info.wbc)

    @property
    def decisions(self) -> list[Decision]:
        """All decisions in the order in which they were made."""
        with self._lock:
            return list(self._history.decisions)

    @property
    def sign_offs(self) -> list[SignOff]:
        """The signatures, one per version."""
        with self._lock:
            return list(self._history.sign_offs)

    @property
    def state(self) -> CaseState:
        """Whether people have signed what the case says now."""
        with self._lock:
            return self._history.state

    @property
    def signed(self) -> bool:
        """Whether what the case says now is signed."""
        return self.state in (CaseState.SIGNED, CaseState.CORRECTED)

    @property
    def version(self) -> int:
        """Number of the version that is signed, or being made: 1, then one more for each correction."""
        return len(self._history.sign_offs) + (not self.signed)

    def decide(self, cell: int, label: str, who: str, why: str = "") -> CaseCell:
        """Record a person's label of one cell; see `decide_many`."""
        return self.decide_many([cell], label, who, why)[0]

    def decide_many(self, cells: Sequence[int], label: str, who: str, why: str = "") -> list[CaseCell]:
        """Record a person's label of several cells; see `decide_each`."""
        return self.decide_each(dict.fromkeys(cells, label), who, why)

    def decide_each(self, labels: Mapping[int, str], who: str, why: str = "") -> list[CaseCell]:
        """Record a person's labels in one transaction: all of them, or none. They survive a kill once this returns.

        Args:
            labels: by the cells' ids.
            who: the person.
            why: the reason; it must be given once the case was signed, because this opens a correction.

        Returns:
            The cells as they are now.

        Raises:
            UserError: an unknown cell or label, an image that could not be read called a cell, no name, no reason for a
                correction, or the disk is full.
        """
        with self._lock:
            for number, label in labels.items():
                cell = self.cell(number)
                case_labels.check(label, self.classes)
                if cell.status == Status.ERROR and label != case_labels.NOT_A_CELL:
                    raise UserError(
                        f"{cell.image.name}: could not be read, so nobody has seen a cell in it: decide "
                        f"{case_labels.NOT_A_CELL!r}, and nothing is counted"
                    )
            if check_text(why, "reason").strip() == UNDO:
                raise UserError(f"{UNDO} is not a reason: give another")
            if self._history.sign_offs and not why.strip():
                signed = self._history.sign_offs[-1]
                raise UserError(
                    f"{self.folder}: was signed by {signed.who} at {signed.at}: give the reason of the correction"
                )
            return self._record(list(labels.items()), who, why.strip(), group=True)

    def undo(self, who: str) -> list[CaseCell]:
        """Take back the last decision, or the last ones that were made together; this is a row of the journal too.

        Decisions that are signed stay. What was made together before the case was opened is taken back one by one.

        Returns:
            The cells as they are now; empty if there is nothing to take back.

        Raises:
            UserError: no name, or the disk is full.
        """
        with self._lock:
            back = self._history.take_back(self._cells)
            return self._record(back, who, UNDO, group=False) if back else []

    @property
    def can_undo(self) -> bool:
        """Whether there is a decision that `undo` takes back."""
        with self._lock:
            return bool(self._history.standing(self._cells))

    def check_signed_files(self) -> None:
        """Check that the case's files are what was signed last; nothing is checked in a case that nobody signed.

        Raises:
            UserError: a file was altered since, or cannot be read.
        """
        with self._lock:
            if not self._history.sign_offs:
                return
            for name, digest in self._hashes().items():
                if self._history.sign_offs[-1].hashes.get(name) != digest:
                    raise UserError(
                        f"{self.folder / name}: was altered since the case was signed: run `edgewbc verify "
                        f"{self.folder}`, and restore the file from a copy"
                    )

    def sign_off(self, who: str, screen: Screen | None = None) -> SignOff:
        """Sign the case as it stands: who, when, what was seen, and the hashes of everything.

        Args:
            who: the person.
            screen: what was on the screen; None where there was none. The differential is added.

        Raises:
            UserError: a cell is open, nothing changed since the last signature, no name, or a file cannot be read or
                was altered since the last signature.
        """
        with self._lock:
            self.check_signed_files()
            left = self.open_cells
            if left:
                raise UserError(
                    f"{self.folder}: {text.count(len(left), 'cell is', 'cells are')} open, the first in "
                    f"{left[0].image.name}: decide on each with `edgewbc review {self.folder}`, then sign"
                )
            if self.signed:
                last = self._history.sign_offs[-1]
                raise UserError(f"{self.folder}: is signed already, by {last.who} at {last.at}, and nothing changed")
            seen = _Seen(len(self._history.sign_offs) + 1, self.differential(), screen)
            signed = self._writable.sign_off(_name(who), seen, self._hashes())
            self._history.sign(signed)
            return signed

    def close(self) -> None:
        """Write everything to the disk and release the case."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def __enter__(self) -> Case:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _writable(self) -> Journal:
        if self._journal is None:
            raise UserError(f"{self.folder}: is open for reading only")
        return self._journal

    def _record(self, new: Iterable[tuple[int, str]], who: str, why: str, *, group: bool) -> list[CaseCell]:
        made = self._writable.decide_all(list(new), _name(who), why)
        self._history.add(made, group=group)
        for decision in made:
            order = self._cells[decision.result].order
            self._cells[decision.result] = self._cell(order, self.index.cells[order - 1], decision)
        return [self._cells[each.result] for each in made]

    def _hashes(self) -> dict[str, str]:
        try:
            return {name: sha256(self.folder / name) for name in (CASE, CELLS)}
        except OSError as error:
            raise UserError(f"{error.filename}: cannot be read: {error.strerror}") from None

    def _cell(self, order: int, indexed: IndexedCell, decision: Decision | None) -> CaseCell:
        row: ResultRow = self._rows[indexed.id]
        cell = CaseCell(
            id=indexed.id,
            order=order,
            image=Path(row.path),
            number=row.cell,
            box=row.box,
            status=row.status,
            machine=row.label,
            probability=row.probability,
            probabilities=row.probabilities,
            reasons=tuple(each.text for each in row.reasons),
            excluded=indexed.excluded,
            duplicate_of=indexed.duplicate_of,
            confirm=bool(self.index.warning),
            crop=self.folder / CROPS / indexed.crop if indexed.crop else None,
            window=indexed.window,
            image_sha256=row.image_sha256,
        )
        if decision is not None and decision.new:
            decided = {"decided": decision.new, "who": decision.who, "at": decision.at, "why": decision.why}
            return replace(cell, label=decision.new, **decided)  # type: ignore[arg-type]
        counts = cell.status == Status.OK and cell.excluded is None and not cell.confirm
        return replace(cell, label=cell.machine) if counts else cell


def _name(who: str) -> str:
    if not check_text(who, "name").strip():
        raise UserError("no name: say who decides, such as --by NAME")
    return who.strip()


def _need_journal(folder: Path) -> None:
    if not (folder / JOURNAL).is_file():
        raise UserError(f"{folder}: {JOURNAL} is missing: restore it from a copy, or count again into a new folder")
