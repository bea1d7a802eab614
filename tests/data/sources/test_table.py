"""Tests of `edgewbc.data.sources.table`."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from edgewbc.data.manifest import Split
from edgewbc.data.sources import make
from edgewbc.data.sources.table import LabelTable
from edgewbc.errors import UserError
from tests.data.conftest import Put, write_csv

ROWS = [("s1/a.png", "Monocyte"), ("s1/b.png", "neutrophil "), ("s2/c.png", "monocyte"), ("s2/d.png", "neutrophil")]


@pytest.fixture
def images(put: Put, image_folder: Path) -> Path:
    """Four listed images and one that no table lists."""
    for seed, name in enumerate([*(path for path, _ in ROWS), "s3/e.png"]):
        put(name, seed=seed)
    return image_folder


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_and_encodings(images: Path, tmp_path: Path, delimiter: str, encoding: str) -> None:
    """Every common delimiter and byte order mark is detected; quoted values may hold the delimiter."""
    lines = [f'"File name"{delimiter}Type{delimiter}note']
    lines += [f'{path}{delimiter}"{label}"{delimiter}"x{delimiter}y"' for path, label in ROWS]
    table = tmp_path / "labels.csv"
    table.write_bytes(("\r\n".join(lines) + "\r\n\r\n").encode(encoding))
    made = make("table", images, protocol="external", labels=LabelTable(table, "File name", "Type"))
    assert [(entry.path, entry.label) for entry in made.entries] == [
        ("s1/a.png", "monocyte"),
        ("s1/b.png", "neutrophil"),
        ("s2/c.png", "monocyte"),
        ("s2/d.png", "neutrophil"),
    ]
    assert made.provenance.left_out == {"no row in the table": 1}
    assert made.provenance.source == "table"


def test_names_are_kept_as_they_are_written(images: Path, tmp_path: Path) -> None:
    """Upper and lower case make one class, by its commonest name; a differential's own types are in lower case."""
    names = ["Zelle (Gro\u00df)", "zelle (gro\u00df) ", "Zelle (Gro\u00df)", "MONOCYTE"]
    table = tmp_path / "t.csv"
    write_csv(table, ["path,label", *(f"{path},{name}" for (path, _), name in zip(ROWS, names, strict=True))])
    made = make("table", images, protocol="external", labels=LabelTable(table))
    assert made.classes == ("monocyte", "Zelle (Gro\u00df)")
    assert [entry.label for entry in made.entries] == [made.classes[1]] * 3 + ["monocyte"]
    chosen = make("table", images, protocol="external", labels=LabelTable(table), classes=["ZELLE (Gro\u00df)"])
    assert chosen.classes == ("Zelle (Gro\u00df)",)


def test_a_column_with_another_label_in_each_row_is_the_wrong_one(put: Put, image_folder: Path, tmp_path: Path) -> None:
    """The line names the column, before classes without enough images are complained about."""
    for seed in range(22):
        put(f"{seed}.png", seed=seed)
    table = tmp_path / "t.csv"
    write_csv(table, ["path,label", *(f'{seed}.png,"0,{seed:02}"' for seed in range(22))])
    with pytest.raises(UserError, match="t.csv: column 'label' has 22 different labels in 22 rows: name the column of"):
        make("table", image_folder, labels=LabelTable(table))


def test_split_and_group_columns(images: Path, tmp_path: Path) -> None:
    """The split column makes the protocol published; the group column names the group; backslashes are accepted."""
    table = tmp_path / "labels.csv"
    sides = ("train", "Valid", "TEST", "testing")
    rows = [
        f"{path},{label},{path[:2]},{side}".replace("/", "\\") for (path, label), side in zip(ROWS, sides, strict=True)
    ]
    write_csv(table, ["path,label,slide,set", *rows])
    made = make("table", images, labels=LabelTable(table, group_column="slide", split_column="set"))
    assert made.protocol == "published"
    assert [(entry.group, entry.split) for entry in made.entries] == [
        ("s1", Split.TRAIN),
        ("s1", Split.VAL),
        ("s2", Split.TEST),
        ("s2", Split.TEST),
    ]


def test_selected_classes(images: Path, tmp_path: Path) -> None:
    """Other classes are counted; a class that no row has is refused."""
    table = tmp_path / "labels.csv"
    write_csv(table, ["path,label", *(f"{path},{label}" for path, label in ROWS)])
    made = make("table", images, protocol="external", classes=["monocyte"], labels=LabelTable(table))
    assert made.classes == ("monocyte",)
    assert made.provenance.left_out == {"class neutrophil not selected": 2, "no row in the table": 1}
    with pytest.raises(UserError, match="no image of class 'basophil'"):
        make("table", images, protocol="external", classes=["basophil"], labels=LabelTable(table))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "no column 'path'; found none"),
        (["file,label", "s1/a.png,monocyte"], "no column 'path'; found file, label"),
        (["path,label,label", "s1/a.png,monocyte,x"], "more than one column 'label'"),
        (["path,label"], "no rows below the header"),
        (["path,label", "s1/a.png"], "line 2 has 1 values, but the header has 2"),
        (["path,label", "s1/a.png,"], "line 2: no value in column 'label'"),
        (["path,label", "s1/x.png,monocyte"], r"line 2: .*x\.png: no such image"),
        (["path,label", "../x.png,monocyte"], "is outside of"),
        (["path,label", "s1/a.png,monocyte", "", "s1/a.png,neutrophil"], r"line 4: s1/a\.png is already in line 2"),
    ],
)
def test_tables_that_are_refused(images: Path, tmp_path: Path, lines: list[str], message: str) -> None:
    """Each error names the file and the line."""
    table = tmp_path / "labels.csv"
    write_csv(table, lines)
    with pytest.raises(UserError, match=message):
        make("table", images, labels=LabelTable(table))


def test_other_errors(images: Path, tmp_path: Path) -> None:
    """A missing table, text in another encoding, an unknown split, and a protocol without its column are refused."""
    table = tmp_path / "labels.csv"
    with pytest.raises(UserError, match=r"labels\.csv: no such file"):
        make("table", images, labels=LabelTable(table))
    table.write_bytes("path,label\ns1/a.png,éosinophile\n".encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8 text"):
        make("table", images, labels=LabelTable(table))
    write_csv(table, ["path,label,set", "s1/a.png,monocyte,fold 3"])
    with pytest.raises(UserError, match="line 2: split 'fold 3': expected train, val or test"):
        make("table", images, labels=LabelTable(table, split_column="set"))
    with pytest.raises(UserError, match="--split-column"):
        make("table", images, protocol="published", labels=LabelTable(table))
    with pytest.raises(UserError, match="needs a table"):
        make("table", images)


def test_boxes_with_decimal_commas(images: Path, tmp_path: Path) -> None:
    """A table with boxes may list an image several times; numbers have a decimal point or a decimal comma."""
    table = tmp_path / "labels.csv"
    write_csv(
        table,
        ["sep=;", "path;label;x;y;w;h", "s1/a.png;monocyte;1,5;2;10;8,25", "s1/a.png;neutrophil;0.5;0;4;4"],
    )
    columns = LabelTable(table, box_columns=("x", "y", "w", "h"))
    made = make("table", images, protocol="external", labels=columns)
    assert [(e.label, e.box) for e in made.entries] == [
        ("neutrophil", (0.5, 0, 4, 4)),
        ("monocyte", (1.5, 2, 10, 8.25)),
    ]
    for wrong, message in (
        ("s1/a.png;m;1;1;0;3", "line 3: the box has no area"),
        ("s1/a.png;m;1.000,5;1;1;3", "line 3: box 1.000,5, 1, 1, 3: expected four numbers"),
        ("s1/a.png;m;1;1;1;3\ns1/a.png;m;1;1;1;3", "line 4: s1/a.png is already in line 3: remove one"),
    ):
        write_csv(table, ["sep=;", "path;label;x;y;w;h", wrong])
        with pytest.raises(UserError, match=message):
            make("table", images, protocol="external", labels=columns)


def test_a_delimiter_in_the_quoted_header_is_not_counted(images: Path, tmp_path: Path) -> None:
    """The header decides, outside of its quotes."""
    table = tmp_path / "labels.csv"
    write_csv(table, ['path;label;"a, b, and, c"', "s1/a.png;monocyte;x"])
    made = make("table", images, protocol="external", labels=LabelTable(table))
    assert [entry.label for entry in made.entries] == ["monocyte"]


def test_excel(images: Path, tmp_path: Path) -> None:
    """The first sheet of a workbook is read like a CSV; a number is a label as Excel shows it."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["path", "label", "slide", None])
    sheet.append(["s1\\a.png", "Monocyte", 7.0, None])
    sheet.append([None, None, None, None])
    sheet.append(["s1/b.png", 3, "x", None])
    book.create_sheet("other").append(["nothing"])
    table = tmp_path / "labels.xlsx"
    book.save(table)
    made = make("table", images, protocol="external", labels=LabelTable(table, group_column="slide"))
    assert [(e.path, e.label, e.group) for e in made.entries] == [("s1/a.png", "monocyte", "7"), ("s1/b.png", "3", "x")]
    table.write_bytes(b"not a workbook")
    with pytest.raises(UserError, match="cannot be read as an Excel workbook .*: save it as CSV UTF-8"):
        make("table", images, labels=LabelTable(table))
