"""What the tabs of the page share: one open case, the number of its last change, and the rules of writing.

Every change has a number (`revision`), and every cell the number of its last change. A tab that decides on a cell names
the number that it saw: if the cell changed since, nothing is written and the tab gets the newest state (`Stale`).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgewbc.cases.case import Case
from edgewbc.cases.cells import CaseCell
from edgewbc.cases.file import check_text
from edgewbc.cases.history import UNDO
from edgewbc.errors import UserError
from edgewbc.lab.csv_table import encode_name
from edgewbc.lab.journal_review import Screen
from edgewbc.review import sheet

COLUMNS = (
    "id",
    "order",
    "name",
    "number",
    "status",
    "machine",
    "probability",
    "label",
    "decided",
    "who",
    "excluded",
    "open",
    "rev",
)
"""What the page gets of each cell, as a list in this order; the rest is in `Desk.detail`."""


class Stale(Exception):
    """The case is not any more what the tab saw; nothing was written."""


@dataclass(frozen=True)
class Request:
    """What every change from a tab says.

    Attributes:
        who: the person.
        tab: random name of the tab.
        server: which start of the server the tab knows.
        revision: number of the last change that the tab knows.
    """

    who: str
    tab: str
    server: str
    revision: int


class Desk:
    """A case that is open for review. Not for several threads at once.

    Attributes:
        case: the case.
        by: the person whom the command line named; may be empty.
        server: random name of this start.
        revision: number of the last change; 0 at the start.
        maps: what class activation maps show, for the person; None where there are none.
    """

    def __init__(self, case: Case, by: str = "", *, maps: str | None = None) -> None:
        self.case, self.by, self.maps = case, by, maps
        self.server = secrets.token_hex(8)
        self.revision = 0
        self._changed: dict[int, int] = {}
        self._changed_by: dict[int, str] = {}
        self._head_changed = 0
        self._made: list[str] = []
        self._reason = self._reason_so_far()

    @property
    def closed(self) -> bool:
        """Whether the case is signed and nobody has given the reason of a correction."""
        return self.case.signed and not self._reason

    def whole(self) -> dict[str, Any]:
        """Return everything that the page shows at the start."""
        cells = [self._row(cell) for cell in self.case.cells()]
        return {
            "server": self.server,
            "revision": self.revision,
            "head": self._head(),
            "columns": list(COLUMNS),
            "cells": cells,
        }

    def changes(self, since: int, server: str, *, head: bool = True) -> dict[str, Any]:
        """Return what changed after a revision; `reload` if the tab knows another start of the server.

        Args:
            since: number of the last change that the tab knows.
            server: which start of the server it knows.
            head: include the state of the case and its differential.
        """
        if server != self.server or not 0 <= since <= self.revision:
            return {"reload": True, "revision": self.revision, "cells": []}
        changed = sorted(number for number, revision in self._changed.items() if revision > since)
        found: dict[str, Any] = {
            "revision": self.revision,
            "cells": [self._row(self.case.cell(number)) for number in changed],
        }
        if self.revision > since and head:
            found["head"] = self._head()
        return found

    def detail(self, number: int) -> dict[str, Any]:
        """Return what the list of cells does not hold. Raises UserError if there is no such cell."""
        cell = self.case.cell(number)
        history = [each for each in self.case.decisions if each.result == number]
        return {
            "path": encode_name(str(cell.image)),
            "reasons": list(cell.reasons),
            "probabilities": dict(cell.probabilities),
            "history": [
                {"at": each.at, "who": each.who, "old": each.old, "new": each.new, "why": each.why} for each in history
            ],
        }

    def decide(self, request: Request, label: str, seen: Sequence[tuple[int, int]]) -> None:
        """Record a label of some cells: of all of them or of none.

        A cell that has this label from this tab already is left as it is: the tab did not get the response.

        Args:
            request: who decides.
            label: for all cells.
            seen: id of each cell, with the revision in which the tab saw it.

        Raises:
            Stale: a cell changed meanwhile, or the case was signed.
            UserError: an unknown cell or label, no name, or the disk is full.
        """
        self._check(request)
        wanted = []
        for number, revision in seen:
            cell = self.case.cell(number)
            if cell.decided == label and self._changed_by.get(number) == request.tab:
                continue
            if self._changed.get(number, 0) != revision:
                now = cell.label or "open"
                whose = f", by {cell.who}" if cell.who else ""
                raise Stale(f"cell {cell.order} was changed in another window (now: {now}{whose}): look at it again")
            wanted.append(number)
        if wanted:
            self._take(self.case.decide_many(wanted, label, request.who, self._reason), request.tab)
            self._made.append(request.tab)

    def undo(self, request: Request) -> None:
        """Take back the last decision, if it was this tab's or one from before this start.

        Raises:
            Stale: the last decision was made in another tab, or the case was signed.
            UserError: no name, or the disk is full.
        """
        self._check(request)
        if self._made and self._made[-1] != request.tab:
            raise Stale("the last decision was made in another window: undo it there, or decide on the cell anew")
        self._take(self.case.undo(request.who), request.tab)
        if self._made:
            self._made.pop()

    def sign_off(self, request: Request, screen: Screen) -> None:
        """Sign the case as the tab shows it.

        Raises:
            Stale: the case is not what the tab shows, or a cell is open.
            UserError: no name, or the case cannot be signed.
        """
        self._check(request)
        if request.revision != self.revision:
            raise Stale("the case was changed in another window: look at it again, then sign")
        if left := len(self.case.open_cells):
            raise Stale(f"{left} {'cell is' if left == 1 else 'cells are'} still open")
        info = self.case.info
        screen = replace(screen, bundle_sha256=info.bundle_sha256, profile_sha256=info.profile_sha256)
        self.case.sign_off(request.who, screen)
        self._reason = ""
        self._made.clear()
        self._touch_head()

    def correct(self, request: Request, why: str) -> None:
        """Open a signed case for a correction; the reason is recorded with each of its decisions.

        Raises:
            Stale: the case is not signed any more.
            UserError: no reason.
        """
        if not self.case.signed or request.revision != self.revision or request.server != self.server:
            raise Stale("the case was changed in another window: look at it again")
        why = check_text(why, "reason").strip()
        if not why or why == UNDO:
            raise UserError("no reason: say why the signed case is corrected")
        self._reason = why
        self._touch_head()

    def _check(self, request: Request) -> None:
        if request.server != self.server:
            raise Stale("edgewbc review was started anew: load the page again")
        if self.closed:
            raise Stale("the case is signed: it can only be corrected, with a reason")

    def _take(self, cells: Sequence[CaseCell], tab: str) -> None:
        """Note that cells were changed by a tab."""
        if not cells:
            return
        self.revision += 1
        for cell in cells:
            self._changed[cell.id], self._changed_by[cell.id] = self.revision, tab

    def _touch_head(self) -> None:
        self.revision += 1

    def _reason_so_far(self) -> str:
        """Return the reason of a correction that was begun before this start; empty if there is none."""
        if self.case.signed or not self.case.sign_offs:
            return ""
        made = self.case.decisions[self.case.sign_offs[-1].last_decision :]
        return next((each.why for each in reversed(made) if each.why != UNDO), "")

    def _head(self) -> dict[str, Any]:
        case, signed = self.case, self.case.sign_offs
        last = signed[-1] if signed else None
        return {
            "name": case.info.case or case.folder.name,
            "folder": encode_name(str(case.folder)),
            "version": case.version + (case.signed and not self.closed),
            "closed": self.closed,
            "signed": None if last is None else {"who": last.who, "at": last.at},
            "reason": self._reason,
            "by": self.by,
            "bundle": case.info.bundle,
            "hashes": {"bundle": case.info.bundle_sha256, "profile": case.info.profile_sha256},
            "warning": case.index.warning,
            "labels": [each.to_json() for each in sheet.keys(case.labels)],
            "maps": self.maps,
            "undo": not self.closed and self.case.can_undo,
            "differential": sheet.table(case.differential()),
        }

    def _row(self, cell: CaseCell) -> list[Any]:
        return [
            cell.id,
            cell.order,
            encode_name(cell.image.name),
            cell.number,
            str(cell.status),
            cell.machine,
            None if cell.probability is None else round(cell.probability, 4),
            cell.label,
            cell.decided,
            cell.who,
            "" if cell.decided else str(cell.excluded or ""),
            cell.open,
            self._changed.get(cell.id, 0),
        ]
