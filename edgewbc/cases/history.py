"""What people did to a case, in order: their decisions, which of them can be undone, and their signatures."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from enum import StrEnum

from edgewbc.lab.journal_review import Decision, SignOff

UNDO = "(undo)"
"""Reason of a decision that takes back the one before; the cell is again what it was before that."""


class CaseState(StrEnum):
    """Whether people have signed a case."""

    UNSIGNED = "unsigned"
    SIGNED = "signed"
    CORRECTING = "correction not signed"
    CORRECTED = "corrected"


class CaseHistory:
    """Decisions and signatures of a case; both only grow. Not safe for several threads: `Case` locks.

    Attributes:
        decisions: in the order in which they were made.
        sign_offs: one per version.
        latest: the last decision on each cell, by the cell's id.
    """

    def __init__(self, decisions: Sequence[Decision], sign_offs: Sequence[SignOff]) -> None:
        self.decisions, self.sign_offs = list(decisions), list(sign_offs)
        self.latest = _latest(decisions)
        self._groups: list[int] = []  # how many decisions were made together, since the case was opened

    def latest_of_version(self, version: int) -> dict[int, Decision]:
        """Return the last decision on each cell when a version was signed, from 1."""
        return _latest(self.decisions[: self.sign_offs[version - 1].last_decision])

    @property
    def state(self) -> CaseState:
        """Whether people have signed what the case says now."""
        if not self.sign_offs:
            return CaseState.UNSIGNED
        if self._changed_since_signed():
            return CaseState.CORRECTING
        return CaseState.SIGNED if len(self.sign_offs) == 1 else CaseState.CORRECTED

    def standing(self, cells: Container[int]) -> list[Decision]:
        """Return the unsigned decisions that are not taken back, on these cells.

        A case that was counted again may have lost cells on which people had decided.
        """
        standing: list[Decision] = []
        for decision in self.decisions[self._signed :]:
            if decision.result in cells:
                standing.pop() if decision.why == UNDO else standing.append(decision)
        return standing

    def take_back(self, cells: Container[int]) -> list[tuple[int, str]]:
        """Forget the last group of decisions, and return what its cells were labeled before, the last one first.

        What was made together before the case was opened is taken back one by one.
        """
        standing = self.standing(cells)
        if not standing:
            return []
        count = self._groups.pop() if self._groups else 1
        return [(each.result, self._before(each)) for each in standing[-count:][::-1]]

    def add(self, made: Sequence[Decision], *, group: bool) -> None:
        """Add decisions that were recorded; a group of them is undone together."""
        self.decisions += made
        self.latest |= _latest(made)
        if group and made:
            self._groups.append(len(made))

    def sign(self, signed: SignOff) -> None:
        """Add a signature; what was decided before can no longer be undone."""
        self.sign_offs.append(signed)
        self._groups.clear()

    @property
    def _signed(self) -> int:
        """Number of decisions that are signed."""
        return self.sign_offs[-1].last_decision if self.sign_offs else 0

    def _changed_since_signed(self) -> bool:
        """Return whether a cell has another label than when the case was signed last."""
        before = _latest(self.decisions[: self._signed])
        touched = {each.result for each in self.decisions[self._signed :]}
        return any((before[cell].new if cell in before else "") != self.latest[cell].new for cell in touched)

    def _before(self, decision: Decision) -> str:
        """Return what had been decided on a cell before a decision; empty if nothing had."""
        index = next(i for i, each in enumerate(self.decisions) if each.hash == decision.hash)
        earlier = (each.new for each in reversed(self.decisions[:index]) if each.result == decision.result)
        return next(earlier, "")


def _latest(decisions: Iterable[Decision]) -> dict[int, Decision]:
    return {each.result: each for each in decisions}
