"""The report of a case: complete in itself, escaped, marked while it is a draft, and as the golden file has it."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc._version import __version__
from edgewbc.cases.case import Case
from edgewbc.cases.cells import Exclusion
from edgewbc.cases.ranges import Range, Ranges
from edgewbc.cases.report import report
from edgewbc.errors import UserError
from edgewbc.lab.results import Status
from edgewbc.utils.text import markup
from tests.cases.cases import cell, make_case

GOLDEN = Path(__file__).parent / "report.golden.html"
RANGES = Ranges("an example", {"neutrophil": Range((40, 75), (1.8, 7.7)), "monocyte": Range((3, 8))})
CELLS = [
    *[cell("neutrophil")] * 5,
    *[cell("lymphocyte")] * 3,
    cell("monocyte", Status.REVIEW, name="<script>alert(1)<b>&.png"),
    cell("lymphocyte", Status.UNFAMILIAR),
    cell("erythroblast"),
    cell("neutrophil", excluded=Exclusion.OVERLAP),
    cell("neutrophil", Status.ERROR),
]
NAME = "S-1 <script>alert(2)</script>"


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return make_case(tmp_path / "case", CELLS, case=NAME, accession="A & B")


def sign(folder: Path) -> None:
    with Case.open(folder) as case:
        case.decide(9, "monocyte", "A. Jones")
        case.decide(10, "blast", "A. Jones", "<b>nucleoli</b>")
        case.decide(13, "not a cell", "A. Jones")
        case.sign_off("A. Jones")


def test_a_type_without_a_cell_is_shown_where_that_is_outside_of_its_range(case: Path) -> None:
    """Marked, with its value of 0; other types without a cell are not shown."""
    ranges = Ranges("", {"eosinophil": Range((1, 6)), "basophil": Range((0, 1))})
    page = report(Case.read(case), ranges)
    assert '<tr class="out"><th scope="row">Eosinophil</th><td>0</td><td>0</td>' in page
    assert '<th scope="row">Basophil</th>' not in page


class Tags(HTMLParser):
    """Collects a page's tags, the addresses that it refers to, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.addresses, self.words = set[str](), list[str](), list[str]()
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_report_of_a_signed_case_is_the_golden_file(case: Path) -> None:
    sign(case)
    page = report(Case.read(case), RANGES)
    page = re.sub(r"(data:image/jpeg;base64,)[A-Za-z0-9+/=]+", r"\1...", page)
    page = re.sub(r"2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME", page)
    page = re.sub(r"<code>[0-9a-f]{16}</code>", "<code>HASH</code>", page).replace(
        f"edgewbc {__version__}", "edgewbc V"
    )
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(page, encoding="utf-8")
    assert page == GOLDEN.read_text(encoding="utf-8")


def test_the_page_refers_to_nothing_and_holds_no_code(case: Path) -> None:
    page = Tags(report(Case.read(case)))
    assert page.open == []
    assert not page.tags & {"script", "link", "iframe", "b", "form"}
    assert page.addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert f"Differential blood count: {NAME}" in page.words
    assert "A & B" in page.words


def test_a_draft_is_marked_and_a_correction_names_its_version(case: Path) -> None:
    draft = report(Case.read(case))
    assert "DRAFT, NOT SIGNED" in draft
    assert '<body class="draft">' in draft
    assert "3 of 11 cells are open (1 review, 1 unfamiliar, 1 error)" in draft
    sign(case)
    signed = report(Case.read(case))
    assert "DRAFT" not in signed.split("</style>")[1]
    assert "&lt;b&gt;nucleoli&lt;/b&gt;" in signed
    with Case.open(case) as opened:
        opened.decide(1, "blast", "B. Lee", "second look")
    assert "DRAFT, NOT SIGNED</strong> correction of version 1" in report(Case.read(case))
    with Case.open(case) as opened:
        opened.sign_off("B. Lee")
    assert "CORRECTED, version 2" in report(Case.read(case))


def test_the_table_gives_zeros_only_if_asked(case: Path) -> None:
    assert "Basophil" not in report(Case.read(case))
    assert "Basophil" in report(Case.read(case), zeros=True)


@settings(max_examples=40)
@given(st.text())
def test_any_text_can_be_shown(value: str) -> None:
    shown = markup(value)
    assert not set(shown) & set("<>\"'")
    assert shown.isprintable()
    shown.encode()


@pytest.mark.parametrize("name", ["case.json", "cells.json", "crops/000001.png"])
def test_nothing_altered_is_reported_as_signed(name: str, tmp_path: Path) -> None:
    folder = make_case(tmp_path / "case", [cell("neutrophil"), cell("monocyte")])
    with Case.open(folder) as opened:
        opened.sign_off("Ada")
    assert "SIGNED" in report(Case.read(folder))
    with (folder / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(UserError, match=f"{name}: was altered"):
        report(Case.read(folder))
