"""Tests of edgewbc.review.app: decisions, undo, two tabs, sign-off, correction, images, and wrong requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from edgewbc.cases.case import Case
from edgewbc.cases.history import UNDO
from edgewbc.cells import CLASSES
from edgewbc.lab.results import Status
from edgewbc.review import app
from tests.review.cases import make_case
from tests.review.conftest import ADDRESS, OPEN, PORT, TOKEN, Tab, sign


def test_the_case_as_the_page_gets_it(tab: Tab) -> None:
    """Cells in order with what the software said, keys of the labels, the differential of what is not open."""
    assert [cell["id"] for cell in tab.cells.values()] == list(range(1, 13))
    assert [number for number, cell in tab.cells.items() if cell["open"]] == list(OPEN)
    assert tab.cells[2] == {
        "id": 2, "order": 2, "name": "field-0000.jpg", "number": 2, "status": "review", "machine": "lymphocyte",
        "probability": 0.5, "label": "", "decided": "", "who": "", "excluded": "", "open": True, "rev": 0,
    }  # fmt: skip
    assert tab.cells[1]["label"] == "neutrophil"
    assert {label["key"]: label["name"] for label in tab.head["labels"]} == {
        "1": "neutrophil", "2": "lymphocyte", "3": "monocyte", "4": "eosinophil", "5": "basophil",
        "6": "immature granulocyte", "7": "blast", "8": "other", "9": "erythroblast", "0": "platelet",
        "u": "uncertain", "x": "not a cell",
    }  # fmt: skip
    assert (tab.head["closed"], tab.head["version"], tab.head["undo"]) == (False, 1, False)
    assert tab.head["differential"]["note"] == "of 6 white cells"
    assert "6 of 12 cells are open (3 review, 3 unfamiliar)" in tab.head["differential"]["remarks"][0]


def test_a_decision_is_in_the_journal_when_the_answer_comes(tab: Tab, folder: Path) -> None:
    """A copy of the case that is read at that moment has it: a kill loses nothing that was answered."""
    assert tab.decide("monocyte", 2).status_code == 200
    assert tab.cells[2] | {"label": "monocyte", "who": "Ada", "open": False, "rev": 1} == tab.cells[2]
    read = Case.read(folder)
    assert (read.cell(2).label, read.cell(2).who) == ("monocyte", "Ada")
    assert len(read.open_cells) == 5


def test_many_cells_at_once_are_one_step(tab: Tab, case: Case) -> None:
    """Decided in one transaction, undone by one undo."""
    tab.decide("basophil", 2, 4, 6)
    assert [tab.cells[number]["label"] for number in (2, 4, 6)] == ["basophil"] * 3
    assert tab.head["undo"]
    tab.post("undo")
    assert [tab.cells[number]["open"] for number in (2, 4, 6)] == [True] * 3
    assert not tab.head["undo"]
    assert [each.why for each in case.decisions] == ["", "", "", UNDO, UNDO, UNDO]


def test_an_undo_without_a_decision_does_nothing(tab: Tab, case: Case) -> None:
    """It is no error."""
    assert tab.post("undo").status_code == 200
    assert case.decisions == []


def test_sign_off_is_refused_while_a_cell_is_open(tab: Tab, case: Case) -> None:
    """With the number of cells that are left."""
    tab.decide("monocyte", *OPEN[:-1])
    answer = tab.post("sign-off", seen={})
    assert (answer.status_code, answer.json()["error"]) == (409, "1 cell is still open")
    assert case.sign_offs == []


def test_sign_off_closes_the_case(tab: Tab, case: Case) -> None:
    """Who, when, what was seen and all hashes are recorded; then nothing can be changed."""
    tab.decide("monocyte", *OPEN)
    assert sign(tab) == 200
    (signed,) = case.sign_offs
    assert signed.who == "Ada"
    assert {name: signed.seen[name] for name in ("shown", "filter", "screen", "version")} == {
        "shown": 12, "filter": "all", "screen": "1280x720", "version": 1,
    }  # fmt: skip
    assert signed.seen["differential"]["counted"] == 12
    assert (signed.seen["bundle_sha256"], signed.seen["profile_sha256"]) == ("a" * 64, "b" * 64)
    assert {"results", "decisions", "case.json", "cells.json"} <= set(signed.hashes)
    assert tab.head["closed"]
    assert tab.head["signed"]["who"] == "Ada"
    for answer in (tab.decide("basophil", 2), tab.post("undo"), tab.post("sign-off", seen={})):
        assert answer.status_code == 409
        assert "signed" in answer.json()["error"]
    assert case.cell(2).label == "monocyte"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("decide", {"label": "monocyte", "cells": [[99, 0]]}, 400),
        ("decide", {"label": "dragon", "cells": [[2, 0]]}, 400),
        ("decide", {"label": 5, "cells": [[2, 0]]}, 400),
        ("decide", {"label": "monocyte", "cells": [[2]]}, 400),
        ("decide", {"label": "monocyte", "cells": [["2", 0.5]]}, 400),
        ("decide", {"label": "monocyte", "cells": [[2, -1]]}, 400),
        ("decide", {"label": "monocyte", "cells": "2"}, 400),
        ("decide", {"label": "monocyte", "cells": [[2, 0]], "who": " "}, 400),
        ("decide", {"label": "monocyte", "cells": [[2, 0]], "who": "a\nb"}, 400),
        ("decide", {"label": "monocyte", "cells": [[2, 0]], "server": "another"}, 409),
        ("undo", {"revision": "x"}, 400),
        ("sign-off", {"seen": {"shown": "many"}}, 400),
    ],
)
def test_a_wrong_request_is_one_line_and_changes_nothing(
    tab: Tab, case: Case, path: str, body: dict[str, object], status: int
) -> None:
    """Never a stack trace, never half of a change."""
    answer = tab.post(path, **body)
    assert answer.status_code == status
    assert "\n" not in answer.json()["error"]
    assert case.decisions == []


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'{"a": NaN}', b"\xff", b"[" * 5000, b" " * (app.MAX_REQUEST_BYTES + 1)]
)
def test_a_body_that_is_no_object_is_refused(client: TestClient, data: bytes) -> None:
    """Empty, of another kind, broken, or too large."""
    answer = client.post("/api/decide", content=data)
    assert answer.status_code == 400
    assert "request" in answer.json()["error"]


def test_details_of_a_cell(tab: Tab, client: TestClient) -> None:
    """Probabilities, reasons, and its history."""
    tab.decide("monocyte", 2)
    found = client.get("/api/cells/2").json()
    assert found["probabilities"]["lymphocyte"] == pytest.approx(0.5)
    assert found["reasons"] == ["probability below 0.8"]
    assert [(each["who"], each["old"], each["new"]) for each in found["history"]] == [("Ada", "lymphocyte", "monocyte")]
    assert client.get("/api/cells/99").status_code == 400


def test_names_that_are_no_unicode_or_markup_arrive_as_text(tmp_path: Path) -> None:
    """JSON in ASCII; the page puts them in as text (see the browser's tests)."""
    names = "<script>alert(1)</script>"
    folder = make_case(
        tmp_path / "case", 3, image="<img src=x onerror=alert(1)>\udce9{:d}.jpg", classes=(*CLASSES, names)
    )
    with Case.open(folder) as case:
        client = TestClient(
            app.create(case, TOKEN, PORT), base_url=ADDRESS, headers={"Authorization": f"Bearer {TOKEN}"}
        )
        answer = client.get("/api/case")
        assert answer.content.isascii()
        assert names in [label["name"] for label in answer.json()["head"]["labels"]]
        assert answer.headers["content-type"] == "application/json"


def test_a_slide_unlike_training_needs_every_cell_confirmed(tmp_path: Path) -> None:
    """The page shows why, and every cell is open."""
    folder = make_case(tmp_path / "case", 4, status=(Status.OK,), warning="the images are unlike those of training")
    with Case.open(folder) as case:
        whole = app.Page(case).desk.whole()
        assert whole["head"]["warning"] == "the images are unlike those of training"
        assert all(row[whole["columns"].index("open")] for row in whole["cells"])


def test_the_pages_files_are_served_and_load_nothing_from_elsewhere(client: TestClient) -> None:
    """All files of the page, with their types; no address of another host in any of them."""
    types = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    for path in app.STATIC.iterdir():
        answer = client.get(f"/{path.name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] == types[path.suffix]
        text = answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text
        assert "https:" not in text
        assert "innerHTML" not in text
        assert " style=" not in text
    assert client.get("/").text == client.get("/index.html").text
    assert client.get("/../app.py").status_code == 404
    assert client.get("/app.py").status_code == 404


def test_the_answer_to_the_whole_case_is_json(client: TestClient) -> None:
    """As the browser reads it."""
    assert json.loads(client.get("/api/case").text)["head"]["name"] == "S-17"
