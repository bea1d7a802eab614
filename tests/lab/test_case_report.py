"""The report of a case: complete in itself, escaped, marked while it is a draft, and as the golden file has it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc._version import __version__
from edgewbc.errors import UserError
from edgewbc.lab.case import Case
from edgewbc.lab.case_cells import Exclusion
from edgewbc.lab.case_differential import CaseDifferential, Erythroblasts, lines
from edgewbc.lab.case_flags import flags
from edgewbc.lab.case_ranges import Range, Ranges, read_ranges
from edgewbc.lab.case_report import _safe, report
from edgewbc.lab.results import Status
from edgewbc.utils.browser import find_browser
from tests.conftest import Ran
from tests.lab.cases import cell, make_case

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
    assert "3 of 11 cells stand open (1 review, 1 unfamiliar, 1 error)" in draft
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
    shown = _safe(value)
    assert not set(shown) & set("<>\"'")
    assert shown.isprintable()
    shown.encode()


def test_flags_tell_whether_the_limits_reach_into_the_range() -> None:
    found = CaseDifferential(lines(["neutrophil", "monocyte", "blast"], [180, 18, 2]), 200, Erythroblasts(0, 0.0, None))
    assert flags(found, RANGES) == [
        "Blasts were seen: 2 of 200 white cells.",
        "Neutrophil: 90 %, above the range 40 to 75 %.",
        "Monocyte: 9 %, above the range 3 to 8 %; within its 95 % limits it could be inside.",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x", "cannot be read as TOML"),
        ("[neutrofil]\npercent = [1, 2]", "'neutrofil' is neither `source` nor a table of a type: use neutrophil"),
        ("neutrophil = 3", "neither `source` nor a table"),
        ("[neutrophil]\nperc = [1, 2]", r"\[neutrophil\] has 'perc': use percent and absolute"),
        ("[neutrophil]\npercent = [2, 1]", r"percent must be \[low, high\]"),
        ("[neutrophil]\npercent = [true, 2]", r"percent must be \[low, high\]"),
        ("[neutrophil]\npercent = [1, 101]", r"percent must be \[low, high\]"),
        ("[neutrophil]\nabsolute = [nan, 2]", r"absolute must be \[low, high\]"),
    ],
)
def test_wrong_ranges_are_refused_with_their_key(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "ranges.toml").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_ranges(tmp_path / "ranges.toml")


def test_ranges_are_read(tmp_path: Path) -> None:
    content = 'source = "ours"\n[neutrophil]\npercent = [40, 75]\n["immature granulocyte"]\nabsolute = [0, 0.1]\n'
    (tmp_path / "ranges.toml").write_text(content, encoding="utf-8")
    found = read_ranges(tmp_path / "ranges.toml")
    assert (found.source, found.of("neutrophil"), found.of("blast")) == ("ours", Range((40.0, 75.0)), Range())
    assert found.of("immature granulocyte").absolute == (0.0, 0.1)


def test_the_command_writes_html_and_says_that_it_is_a_draft(
    case: Path, tmp_path: Path, edgewbc: Callable[..., Ran]
) -> None:
    ran = edgewbc("report", case, "--to", tmp_path / "r.html")
    assert (ran.code, (tmp_path / "r.html").is_file()) == (0, True)
    assert "is not signed, so the report is marked as a draft" in ran.err
    ran = edgewbc("report", case, "--to", tmp_path / "r.txt")
    assert (ran.code, ran.err) == (2, f"edgewbc: {tmp_path / 'r.txt'}: name a file that ends in .html or .pdf\n")


@pytest.mark.skipif(find_browser() is None, reason="this PC has no Chromium, Chrome or Edge")
def test_the_command_prints_a_pdf(case: Path, tmp_path: Path, edgewbc: Callable[..., Ran]) -> None:
    assert edgewbc("report", case, "--to", tmp_path / "r.pdf").code == 0
    assert (tmp_path / "r.pdf").read_bytes()[:5] == b"%PDF-"


@pytest.mark.skipif(find_browser() is None, reason="there is no Chromium, Chrome or Edge on this computer")
def test_a_usual_case_prints_on_one_page(tmp_path: Path, edgewbc: Callable[..., Ran]) -> None:
    """100 cells, of which a person changed ten."""
    types = ["neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil"]
    cells = [cell(types[i % 5], Status.REVIEW if i % 10 == 9 else Status.OK) for i in range(100)]
    folder = make_case(tmp_path / "case", cells)
    with Case.open(folder) as case:
        for each in case.open_cells:
            case.decide(each.id, "lymphocyte", "A. Jones")
        case.sign_off("A. Jones")
    assert edgewbc("report", folder, "--to", tmp_path / "r.pdf").code == 0
    assert len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "r.pdf").read_bytes())) == 1


def test_without_a_browser_there_is_no_pdf(
    case: Path, tmp_path: Path, edgewbc: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewbc.utils.browser.find_browser", lambda: None)
    ran = edgewbc("report", case, "--to", tmp_path / "r.pdf")
    assert ran.code == 2
    assert "no Chromium, Chrome or Edge was found on this PC: write HTML and print it from any browser" in ran.err
    assert not (tmp_path / "r.pdf").exists()


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
