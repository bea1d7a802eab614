"""The results file: written atomically, and never in the place of something else."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.lab.csv_table import CsvStyle, csv_columns
from edgewbc.lab.results import ResultRow, Status
from edgewbc.lab.results_file import (
    LiveResultsFile,
    check_is_results,
    check_output_path,
    check_same_images,
    save,
)
from tests.lab.test_results import CLASSES, ROWS


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
    odd = ResultRow("bad\udcff.png", "", None, status=Status.ERROR, reason="r", model_sha256="ff")
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


def test_a_spreadsheet_file_is_refused_with_the_mend(tmp_path: Path) -> None:
    """CSV under the name of a workbook would not open: the line names the option that does."""
    for suffix in (".xlsx", ".XLS", ".ods"):
        with pytest.raises(UserError, match=r"cells.csv --csv excel, which a spreadsheet opens"):
            check_output_path(tmp_path / f"cells{suffix}")


@pytest.mark.parametrize(("style", "suffix"), [*((style, ".csv") for style in CsvStyle), (CsvStyle.PLAIN, ".jsonl")])
def test_rows_of_other_images_are_not_replaced(tmp_path: Path, style: CsvStyle, suffix: str) -> None:
    """A results file may be replaced if all its rows are of the inputs and in the journal."""
    out, journal = tmp_path / f"rows{suffix}", tmp_path / "rows.journal"
    inside = [str(tmp_path / "a" / name) for name in ("1.png", "=2.png", "b\r.png", "sub/3.png", "bad\udcff.png")]
    check_is_results(out, journal)
    check_same_images(out, [tmp_path / "a"], lambda name: False)
    save([ResultRow(name, "neutrophil", 0.5) for name in inside], CLASSES, out, jsonl=suffix == ".jsonl", style=style)
    with pytest.raises(UserError, match=r"its journal .* does not: give --out another name, or move this file away"):
        check_is_results(out, journal)
    journal.touch()
    check_is_results(out, journal)
    for inputs in (
        [str(tmp_path / "a")],
        [str(tmp_path)],
        inside,
        [str(tmp_path / "a" / "sub"), *inside[:3], inside[4]],
    ):
        check_same_images(out, inputs, inside.__contains__)
    other: list[Sequence[str | Path]] = [[tmp_path / "b"], [tmp_path / "a" / "sub"], inside[1:], [tmp_path / "a" / "s"]]
    for others in other:
        with pytest.raises(UserError, match="holds results of other images, such as"):
            check_same_images(out, others, inside.__contains__)
    with pytest.raises(UserError, match="3.png"):
        check_same_images(out, [tmp_path / "a"], lambda name: "3.png" not in name)


@pytest.mark.parametrize(
    "content", [b"patient,diagnosis\nx,y\n", b"\xff\xfe\0", b"{}\n", b"old", b"{1", b'{"path": "a", "label": "b"}\n']
)
def test_a_file_that_is_no_results_file_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    """Anything else under the name is refused; an empty file is not worth keeping."""
    out = tmp_path / "rows.csv"
    (tmp_path / "j").touch()
    out.write_bytes(content)
    with pytest.raises(UserError, match="exists, and is not a results file of edgewbc"):
        check_is_results(out, tmp_path / "j")
    out.write_bytes(b"")
    check_is_results(out, tmp_path / "j")
