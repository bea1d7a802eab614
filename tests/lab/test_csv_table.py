"""CSV in every style: exact text, no formulas, rows that no name can break, and names that are read back."""

from __future__ import annotations

import csv
import io
import os

import pytest

from edgewbc.lab.csv_table import (
    CsvStyle,
    csv_columns,
    decode_name,
    decode_text,
    encode_name,
    read_names,
    write_csv,
)
from edgewbc.lab.results import ResultRow, Status
from edgewbc.utils.text import no_formula
from tests.lab.test_results import CLASSES, ROWS

NAMES = [
    "a.png",
    "=1+1.jpg",
    "+1.jpg",
    "-1+2.jpg",
    "@SUM(1).jpg",
    "\tx.jpg",
    "\rx.jpg",
    "\n=1+1.jpg",
    "a\rb.jpg",
    "a\r\nb.jpg",
    "a\x0b\x0c\x1c\x85\u2028b.jpg",
    'a;=1+1,"b".jpg',
    " a.jpg ",
    "'a.jpg",
    "＝1.jpg",  # noqa: RUF001
    "bad\udcff.png",
    "bad\\udcff.png",
    "bad\\\\udcff\\.png",
    "=\udcff\\.png",
    "C:\\slides\\a.png",
    "\\\\server\\slides\\udder.png",
    "細胞/клетка.png",
]


def test_csv_is_exact() -> None:
    """Header, six decimals, quotes where needed, empty fields for an error, line feeds."""
    file = io.StringIO(newline="")
    write_csv(ROWS, CLASSES, file)
    assert file.getvalue() == (
        "path,label,probability,neutrophil,lymphocyte,status,reason,model_sha256\n"
        '"a,""b""\n.png",neutrophil,0.750000,0.750000,0.250000,ok,,ff\n'
        "zelle ü.png,,,,,error,empty file,ff\n"
    )


@pytest.mark.parametrize("style", list(CsvStyle))
@pytest.mark.parametrize("suffix", ["", "/a.png"])
def test_every_name_is_one_row_and_is_read_back(style: CsvStyle, suffix: str) -> None:
    """Each name is one row of as many fields as the header, none looks like a formula, and no two are alike."""
    names = [name + suffix for name in NAMES]
    file = io.StringIO(newline="")
    write_csv([ResultRow(name, "neutrophil", 0.75, {}, Status.OK) for name in names], CLASSES, file, style=style)
    text = file.getvalue().encode("utf-8").decode("utf-8-sig")
    table = list(csv.reader(io.StringIO(text, newline=""), delimiter=";" if style == CsvStyle.EXCEL else ","))
    assert table[0] == csv_columns(CLASSES)
    assert {len(fields) for fields in table} == {len(table[0])}
    first = [fields[0] for fields in table[1:]]
    assert len(set(first)) == len(names)
    assert not [name for name in first if name.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))]  # noqa: RUF001
    header, *rest = io.StringIO(text, newline="").readlines()
    assert list(read_names(header, rest) or []) == names


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_written_so_that_it_names_the_same_file(name: str) -> None:
    """What is written is valid UTF-8; a name without bytes that are not is still a path to the same file."""
    written = encode_name(name)
    written.encode("utf-8")
    assert decode_name(written) == name
    if "udcff" not in name and "\udcff" not in name:
        assert os.path.normpath(written) == os.path.normpath(name)


def test_other_texts_get_an_apostrophe() -> None:
    """Labels and reasons that look like formulas, and those that begin with an apostrophe, are reversible."""
    for text in ("=1", "-", "@x", "'quoted", "plain", ""):
        assert decode_text(no_formula(text)) == text
    assert [no_formula(text) for text in ("=1", "'a", "a")] == ["'=1", "''a", "a"]


def test_styles_are_exact() -> None:
    """`excel` is what a spreadsheet of a country with decimal commas opens by double click; `iso` is RFC 4180."""
    row = ResultRow("a.png", "neutrophil", 0.75, {"neutrophil": 0.75, "lymphocyte": 0.25}, model_sha256="ff")

    def text(style: CsvStyle) -> str:
        file = io.StringIO(newline="")
        write_csv([row], CLASSES, file, style=style)
        return file.getvalue()

    assert text(CsvStyle.EXCEL) == (
        "\ufeffpath;label;probability;neutrophil;lymphocyte;status;reason;model_sha256\r\n"
        "a.png;neutrophil;0,750000;0,750000;0,250000;ok;;ff\r\n"
    )
    assert text(CsvStyle.ISO) == (
        "path,label,probability,neutrophil,lymphocyte,status,reason,model_sha256\r\n"
        "a.png,neutrophil,0.750000,0.750000,0.250000,ok,,ff\r\n"
    )
    assert text(CsvStyle.PLAIN) == text(CsvStyle.ISO).replace("\r\n", "\n")


def test_another_table_is_not_taken_for_one() -> None:
    """A CSV with other columns has no names to read."""
    assert read_names("name,result\n", ["a,b\n"]) is None
    assert read_names("", []) is None
