"""Tables of text: delimiters, encodings, empty values and faults."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.utils.tables import csv_text, read_table


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_and_encodings(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "t.csv"
    text = f"a{delimiter}b\r\n 1 {delimiter}é\r\n{delimiter}\r\n3{delimiter}4"
    path.write_bytes(text.encode(encoding))
    assert read_table(path, ["a", "b"], "?") == [(2, {"a": "1", "b": "é"}), (4, {"a": "3", "b": "4"})]


def test_a_column_that_may_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,\n")
    assert read_table(path, ["a", "b"], "?", empty=["b"]) == [(2, {"a": "1", "b": ""})]
    with pytest.raises(UserError, match="line 2: no value in column 'b'"):
        read_table(path, ["a", "b"], "?")


def test_a_missing_column_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="no column 'c'; found a, b: name it"):
        read_table(path, ["c"], "name it")
    path.write_text("Bild;Zelltyp\nx;y\n")
    with pytest.raises(UserError, match=r"no column 'zelltypen' \(did you mean 'Zelltyp'\?\); found Bild, Zelltyp: n"):
        read_table(path, ["zelltypen"], "name it")
    path.write_text("Bild#Zelltyp\nx#y\n")
    with pytest.raises(UserError, match=r"t.csv: its delimiter is not known: save it with one of , ; \| or tabs"):
        read_table(path, ["Zelltyp"], "name it")
    path.write_text("Bild,Sicherheit\nx,0,5\n")
    with pytest.raises(UserError, match="line 2 has 3 values, but the header has 2: put values in which the delimiter"):
        read_table(path, ["Bild"], "name it")


@pytest.mark.parametrize("name", ["a\rb", "a\nb", 'a"\r,b', "a,b", "=1", "", " a "])
def test_any_text_comes_back_from_csv(name: str) -> None:
    """Also a carriage return, which would end the row for other readers."""
    rows = [["path", "n"], [name, "1"]]
    text = csv_text(rows)
    assert list(csv.reader(io.StringIO(text, newline=""))) == rows
    assert ("\r" in text) == ("\r" in name)


def test_a_carriage_return_changes_no_other_row() -> None:
    assert csv_text([["a", 1], ["b\r", 2], ["c d", ""]]) == 'a,1\n"b\r",2\nc d,\n'
