"""Codes: the shipped ones, a laboratory's own, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.cells import CLASSES
from edgewbc.errors import UserError
from edgewbc.interop.codes import Codes
from edgewbc.interop.report import Coding
from edgewbc.utils import resources

SHIPPED = resources.folder("recipes") / "codes" / "loinc.yaml"
PERCENT = ("26511-6", "26478-8", "26485-3", "26450-7", "30180-4")
ABSOLUTE = ("26499-4", "26474-7", "26484-6", "26449-9", "26444-0")
MANUAL = ("23761-0", "737-7", "744-3", "714-6", "707-0")


def test_the_shipped_codes() -> None:
    codes = Codes.read()
    assert tuple(codes.percent(name, name).code for name in CLASSES) == PERCENT
    assert tuple(codes.absolute(name, name).code for name in CLASSES) == ABSOLUTE
    assert codes.percent("immature granulocyte", "").code == "71695-1"
    assert codes.percent("blast", "").code == "26446-5"
    assert codes.ratio("erythroblast").code == "19048-8"
    assert codes.panel == Coding("69738-3", "Differential panel, method unspecified - Blood", "LN", "http://loinc.org")


@pytest.mark.parametrize("code", [*PERCENT, *ABSOLUTE, *MANUAL, "71695-1", "26446-5", "19048-8", "69738-3"])
def test_check_digits(code: str) -> None:
    """The digit after the hyphen is LOINC's check digit (mod 10, Luhn), which finds a mistyped digit."""
    number, digit = code.split("-")
    total = 0
    for place, letter in enumerate(reversed(number)):
        value = int(letter) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    assert -total % 10 == int(digit)


def test_manual_codes_and_a_type_without_one(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(SHIPPED.read_text(encoding="utf-8").replace("method: percent", "method: manual"))
    codes = Codes.read(path)
    assert tuple(codes.percent(name, name).code for name in CLASSES) == MANUAL
    assert codes.percent("blast", "blast").code == "26446-5"


def test_what_has_no_code_gets_a_local_one() -> None:
    found = Codes.read().percent("band neutrophil", "band neutrophil")
    assert found == Coding("edgewbc-band-neutrophil-percent", "band neutrophil, percent of white cells", "L", "")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("method: percent", "method: best", "method 'best': use percent or manual"),
        ("hl7.processing: P", "hl7.processing: X", "hl7.processing 'X': use P, T or D"),
        ("system.hl7: LN", "# none", "no line `system.hl7: NAME`"),
        ("system.fhir: http://loinc.org", "system.fhir: loinc", "no line `system.fhir: URI`"),
        ("panel: 69738-3 ", "panl: 69738-3 ", "unknown key 'panl'"),
        ("panel: 69738-3 Differential panel, method unspecified - Blood", "# none", "no line `panel: CODE NAME`"),
        ("blast.percent: 26446-5 Blasts/Leukocytes in Blood", "blast.percent: 26446-5", "not a code, a blank, and its"),
        ("blast.absolute: ", "blast.percentage: ", "unknown key 'blast.percentage'"),
    ],
)
def test_files_that_cannot_be_used(old: str, new: str, why: str, tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "own.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match=r"own.yaml: ") as caught:
        Codes.read(tmp_path / "own.yaml")
    assert why in str(caught.value)
