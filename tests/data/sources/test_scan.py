"""Tests of `edgewbc.data.sources.scan`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edgewbc.data.sources.scan import Cell, grouped_by_content, hashed, need_folder, pictures_below, read_rows
from edgewbc.errors import UserError
from tests.data.conftest import Put, write_csv


def test_pictures_below_sorts_and_leaves_out_what_is_hidden(put: Put, pictures: Path) -> None:
    """Picture files by path, in any letter case; hidden files, hidden folders and other files are passed over."""
    for path in ("b/2.PNG", "b/1.png", "a.jpg", ".thumbs/3.png", "b/.4.png"):
        put(path)
    (pictures / "b/notes.txt").write_text("x")
    assert [path.relative_to(pictures).as_posix() for path in pictures_below(pictures)] == [
        "a.jpg",
        "b/1.png",
        "b/2.PNG",
    ]


def test_hashed_reads_each_picture_once(put: Put, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cells of one picture get the hash of its bytes from one reading; a missing picture is named."""
    file = put("a.png")
    read: list[Path] = []

    def once(path: Path) -> str:
        read.append(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr("edgewbc.data.sources.scan.sha256", once)
    done = hashed(pictures, [Cell("a.png", "x"), Cell("a.png", "y")])
    assert [cell.sha256 for cell in done] == [hashlib.sha256(file.read_bytes()).hexdigest()] * 2
    assert len(read) == 1
    with pytest.raises(UserError, match=r"b\.png: cannot be read"):
        hashed(pictures, [Cell("b.png", "x")])


def test_grouped_by_content_fills_in_what_is_missing() -> None:
    """Copies take the path of the first by name; a group that a source knows stays."""
    cells = [
        Cell("b", "x", sha256="1"),
        Cell("a", "x", sha256="1"),
        Cell("c", "x", "slide", "1"),
        Cell("d", "x", "", "2"),
    ]
    assert [cell.group for cell in grouped_by_content(cells)] == ["a", "a", "slide", "d"]


def test_read_rows_takes_the_columns_it_is_asked_for(tmp_path: Path) -> None:
    """Values are stripped, a byte order mark and further columns do no harm, what is not a table names its file."""
    table = tmp_path / "t.csv"
    write_csv(table, ["\ufeffpath,label,note", " a.png , monocyte ,x"])
    assert read_rows(table, ("path", "label")) == [{"path": "a.png", "label": "monocyte"}]
    table.write_bytes(b"path,label\n\xff\xfe,x\n")
    with pytest.raises(UserError, match=r"t\.csv: cannot be read as CSV"):
        read_rows(table, ("path", "label"))


def test_need_folder_says_what_should_be_there(tmp_path: Path) -> None:
    """A folder is given back; a missing one and a file are refused with what should stand there."""
    assert need_folder(tmp_path, "pictures") == tmp_path
    with pytest.raises(UserError, match="no such folder; it should hold pictures"):
        need_folder(tmp_path / "x", "pictures")
    (tmp_path / "y").write_text("")
    with pytest.raises(UserError, match="not a folder; it should hold pictures"):
        need_folder(tmp_path / "y", "pictures")
