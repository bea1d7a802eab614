"""The command `edgewbc report`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc.cases.case import Case
from edgewbc.lab.results import Status
from edgewbc.utils.browser import find_browser
from tests.cases.cases import cell, make_case
from tests.conftest import Ran


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return make_case(tmp_path / "case", [cell("neutrophil"), cell("monocyte", Status.REVIEW)])


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
