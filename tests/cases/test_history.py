"""Tests of edgewbc.cases.history: what stands, what undo takes back, and whether a signature still holds."""

from __future__ import annotations

from edgewbc.cases.history import UNDO, CaseHistory, CaseState
from edgewbc.lab.journal_review import Decision, SignOff

CELLS = range(1, 10)


def decision(number: int, cell: int, new: str, why: str = "") -> Decision:
    return Decision("2026-01-01T00:00:00Z", "Ada", cell, "field.jpg", cell, "", new, why, f"hash {number}")


def signature(last: int) -> SignOff:
    return SignOff("2026-01-01T00:00:00Z", "Ada", {}, {}, 9, last, "hash")


def test_a_group_is_taken_back_as_one() -> None:
    """The cells get the labels back that they had before, the last one first."""
    history = CaseHistory([decision(1, 1, "monocyte")], [])
    history.add([decision(2, 1, "basophil"), decision(3, 2, "basophil")], group=True)
    assert history.take_back(CELLS) == [(2, ""), (1, "monocyte")]
    history.add([decision(4, 2, "", UNDO), decision(5, 1, "monocyte", UNDO)], group=False)
    assert [each.hash for each in history.standing(CELLS)] == ["hash 1"]
    assert history.take_back(CELLS) == [(1, "")]  # made before the case was opened: by itself


def test_a_lost_cell_is_not_taken_back() -> None:
    history = CaseHistory([decision(1, 1, "monocyte"), decision(2, 12, "monocyte")], [])
    assert history.take_back(CELLS) == [(1, "")]
    assert history.take_back([]) == []


def test_state_follows_the_labels() -> None:
    """A correction that is taken back leaves the case signed."""
    history = CaseHistory([], [])
    states = [history.state]
    history.add([decision(1, 1, "monocyte")], group=True)
    history.sign(signature(1))
    states.append(history.state)
    assert history.take_back(CELLS) == []
    history.add([decision(2, 1, "basophil"), decision(3, 12, "basophil")], group=True)
    states.append(history.state)
    history.add([decision(4, 1, "monocyte", UNDO), decision(5, 12, "", UNDO)], group=False)
    states.append(history.state)
    history.add([decision(6, 1, "basophil")], group=True)
    history.sign(signature(6))
    states.append(history.state)
    assert states == [
        CaseState.UNSIGNED,
        CaseState.SIGNED,
        CaseState.CORRECTING,
        CaseState.SIGNED,
        CaseState.CORRECTED,
    ]
    assert {cell: each.new for cell, each in history.latest_of_version(1).items()} == {1: "monocyte"}
    assert history.latest[1].new == "basophil"
