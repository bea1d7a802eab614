"""Result rows as CSV, JSON Lines and JSON; files are written atomically."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.lab.results import LiveResultsFile, ResultRow, csv_columns, save, write_csv, write_json_object

CLASSES = ("neutrophil", "lymphocyte")
ROWS = [
    ResultRow('a,"b"\n.png', "neutrophil", 0.75, {"neutrophil": 0.75, "lymphocyte": 0.25}, "ok", "", "ff"),
    ResultRow("zelle ü.png", "", None, status="error", reason="empty file", model_sha256="ff"),
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


def test_a_saved_csv_reads_back(tmp_path: Path) -> None:
    """The file is UTF-8 and every field is read back, including line feeds in names."""
    save(ROWS, CLASSES, tmp_path / "new" / "rows.csv", jsonl=False)
    with (tmp_path / "new" / "rows.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))
    assert found[0] == csv_columns(CLASSES)
    assert found[1][0] == 'a,"b"\n.png'
    assert found[2] == ["zelle ü.png", "", "", "", "", "error", "empty file", "ff"]


def test_json_lines_read_back(tmp_path: Path) -> None:
    """One object per line; a file name that is not valid Unicode is escaped, and is read back."""
    odd = ResultRow("bad\udcff.png", "", None, status="error", reason="r", model_sha256="ff")
    save([*ROWS, odd], CLASSES, tmp_path / "rows.jsonl", jsonl=True)
    lines = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [row.to_json() for row in [*ROWS, odd]]


def test_nothing_is_half_written(tmp_path: Path) -> None:
    """If the rows raise an exception, the old file is unchanged and no other is left."""
    path = tmp_path / "rows.csv"
    path.write_text("old")

    def rows() -> Iterator[ResultRow]:
        yield ROWS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save(rows(), CLASSES, path, jsonl=False)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_image_is_not_overwritten(tmp_path: Path) -> None:
    """An output path that is an image, a folder or not writable is refused in one line."""
    (tmp_path / "file").touch()
    for path, reason in (
        (tmp_path / "cell.JPG", "is an image"),
        (tmp_path, "is a folder"),
        (tmp_path / "file" / "rows.csv", "cannot be written"),
    ):
        with pytest.raises(UserError, match=reason):
            save(ROWS, CLASSES, path, jsonl=False)
    assert not (tmp_path / "cell.JPG").exists()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_json_object_is_as_json_dumps_writes_it(count: int) -> None:
    """Written row by row, the text equals `json.dumps` of the object; the last members are requested last."""
    rows, seen = (ROWS * 2)[:count], []

    def coming() -> Iterator[ResultRow]:
        for row in rows:
            seen.append(row)
            yield row

    file = io.StringIO()
    write_json_object({"model": "zelle ü", "n": [1, 2]}, coming(), lambda: {"seen": len(seen), "x": {"a": 1}}, file)
    want = {
        "model": "zelle ü",
        "n": [1, 2],
        "rows": [row.to_json() for row in rows],
        "seen": count,
        "x": {"a": 1},
    }
    assert file.getvalue() == json.dumps(want, indent=1, ensure_ascii=False) + "\n"


def test_a_live_file_is_rewritten_from_time_to_time() -> None:
    """Only if it is stale, at most every two seconds, and less often the longer it takes."""
    now, takes, written = 0.0, 0.0, []

    def write() -> None:
        nonlocal now
        written.append(now)
        now += takes

    live = LiveResultsFile(write, lambda: now)
    live.refresh()
    assert written == []
    for _ in range(50):
        live.stale = True
        live.refresh()
        now += 0.1
    assert written == pytest.approx([0, 2, 4])
    takes, now = 1.0, 10.0
    for _ in range(500):
        live.stale = True
        live.refresh()
        now += 0.1
    assert written[3:] == pytest.approx([10, 31, 52])
    live.refresh()
    assert not live.stale or now < 73


def test_a_live_file_that_cannot_be_written_is_retried() -> None:
    """A spreadsheet program may lock the file: the problem is reported until it is written."""
    now, held = 0.0, True

    def write() -> None:
        if held:
            raise UserError("cells.csv: cannot be written: Permission denied")

    live = LiveResultsFile(write, lambda: now, stale=True)
    live.refresh()
    assert (live.stale, live.problem) == (True, "cells.csv: cannot be written: Permission denied")
    held, now = False, 2.5
    live.refresh()
    assert (live.stale, live.problem) == (False, "")
