"""What the tabs of the review page share: stale decisions, undo, sign-off and corrections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.testclient import TestClient

from edgewbc.cases.case import Case
from edgewbc.cases.history import CaseState
from edgewbc.review import app
from tests.review.conftest import ADDRESS, OPEN, PORT, TOKEN, Tab, sign


def test_another_tab_learns_of_a_decision(tab: Tab, another: Callable[[], Tab]) -> None:
    """By the next poll; a poll without changes is small."""
    other = another()
    tab.decide("monocyte", 2)
    found = other.poll()
    assert other.cells[2]["label"] == "monocyte"
    assert other.head["differential"] == tab.head["differential"]
    assert len(found["cells"]) == 1
    assert other.poll() == {"revision": 1, "cells": []}


def test_a_stale_decision_is_refused_and_shown(tab: Tab, another: Callable[[], Tab], case: Case) -> None:
    """What another tab decided is not overwritten unseen; the answer holds the newest state, and a second try works."""
    other = another()
    tab.decide("monocyte", 2)
    answer = other.decide("basophil", 2, 4)
    assert answer.status_code == 409
    assert "cell 2 was changed in another window (now: monocyte, by Ada)" in answer.json()["error"]
    assert [case.cell(number).label for number in (2, 4)] == ["monocyte", ""]
    other.take(answer.json()["changes"])
    assert other.decide("basophil", 2, 4).status_code == 200
    assert [case.cell(number).label for number in (2, 4)] == ["basophil"] * 2
    assert tab.decide("monocyte", 2).status_code == 409


def test_a_decision_that_is_sent_twice_is_recorded_once(tab: Tab, case: Case) -> None:
    """The answer to the first may have been lost."""
    cells = [[2, 0]]
    for _ in range(2):
        assert tab.post("decide", label="monocyte", cells=cells).status_code == 200
    assert len(case.decisions) == 1


def test_only_the_tab_that_decided_undoes(tab: Tab, another: Callable[[], Tab], case: Case) -> None:
    """An undo never takes back what somebody else just did."""
    other = another()
    tab.decide("monocyte", 2)
    answer = other.post("undo")
    assert answer.status_code == 409
    assert "another window" in answer.json()["error"]
    assert case.cell(2).label == "monocyte"
    assert tab.post("undo").status_code == 200


def test_decisions_of_an_earlier_start_can_be_undone(folder: Path) -> None:
    """Also by another tab: that one is gone."""
    with Case.open(folder) as case:
        case.decide(2, "monocyte", "Ada")
    with Case.open(folder) as case:
        client = TestClient(
            app.create(case, TOKEN, PORT), base_url=ADDRESS,
            headers={"Authorization": f"Bearer {TOKEN}", "Origin": ADDRESS},
        )  # fmt: skip
        tab = Tab(client)
        assert tab.head["undo"]
        tab.post("undo")
        assert tab.cells[2]["open"]


def test_what_is_signed_is_what_the_tab_shows(tab: Tab, another: Callable[[], Tab], case: Case) -> None:
    """If another tab changed something, the sign-off is refused until it was looked at."""
    tab.decide("monocyte", *OPEN)
    other = another()
    tab.decide("basophil", 2)
    assert sign(other) == 409
    assert case.sign_offs == []
    other.poll()
    assert sign(other) == 200


def test_a_correction_is_a_new_version_with_a_reason(tab: Tab, case: Case) -> None:
    """It needs a reason, which goes with each of its decisions; the signed version stays."""
    assert tab.post("correct", why="early").status_code == 409
    tab.decide("monocyte", *OPEN)
    sign(tab)
    assert tab.post("correct", why="  ").status_code == 400
    assert tab.post("correct", why="seen by the senior").status_code == 200
    assert (tab.head["closed"], tab.head["version"], tab.head["undo"]) == (False, 2, False)
    tab.decide("basophil", 2)
    assert case.decisions[-1].why == "seen by the senior"
    assert case.state == CaseState.CORRECTING
    assert [cell.label for cell in case.cells(1)][1] == "monocyte"
    assert sign(tab) == 200
    assert (case.state, case.version, tab.head["version"]) == (CaseState.CORRECTED, 2, 2)


def test_an_interrupted_correction_goes_on_with_its_reason(folder: Path) -> None:
    """After a new start the case is open, and the reason is that of its last decision."""
    with Case.open(folder) as case:
        case.decide_many(list(OPEN), "monocyte", "Ada")
        case.sign_off("Ada")
        case.decide(2, "basophil", "Bob", "second look")
    with Case.open(folder) as case:
        page = app.Page(case)
        assert not page.desk.closed
        assert page.desk.whole()["head"]["reason"] == "second look"
