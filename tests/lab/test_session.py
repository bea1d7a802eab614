"""Runs of `classify`: what is refused before anything is replaced, and what is shown while it watches."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab import watch as watch_module
from edgewbc.lab.classify_request import ClassifyRequest
from edgewbc.lab.csv_table import CsvStyle
from edgewbc.lab.journal import Journal
from edgewbc.lab.results import ResultRow, Status
from edgewbc.lab.run_output import ClassifySummary
from edgewbc.lab.session import WatchCounter, run
from tests.tiny import encode, make_image


@pytest.fixture
def smears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders, `a` and `b`, with images of the same names; the working folder is above them."""
    for number, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        for seed in range(3):
            (tmp_path / folder / f"{seed}.png").write_bytes(encode(make_image(10 * number + seed)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def classify(bundle: Bundle) -> Callable[..., ClassifySummary]:
    """Run a request, with rows on a stream that is thrown away."""

    def begin(*paths: str, **options: Any) -> ClassifySummary:
        request = ClassifyRequest([Path(path) for path in paths], threads=1, **options)
        return run(request, lambda: bundle, io.StringIO(), say=lambda line: None)

    return begin


def test_another_folders_table_is_not_replaced(
    classify: Callable[..., ClassifySummary], smears: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by other inputs, nor from another working folder under the same relative names, nor without journal."""
    out = smears / "rows.csv"
    classify("a", out=out)
    before = out.read_bytes()
    with pytest.raises(UserError, match=r"rows.csv: holds results of other images, such as a.0.png: give --out"):
        classify("b", out=out)
    monkeypatch.chdir(smears / "a")
    with pytest.raises(UserError, match="holds results of other images"):
        classify("../b", out=out)
    monkeypatch.chdir(smears)
    with pytest.raises(UserError, match="its journal other does not"):
        classify("a", out=out, journal=Path("other"))
    assert not Path("other").exists()
    assert out.read_bytes() == before
    monkeypatch.chdir(smears / "a")
    local = smears / "here.csv"
    classify(".", out=local)
    monkeypatch.chdir(smears / "b")
    with pytest.raises(UserError, match=r"holds results of other images, such as 0.png"):
        classify(".", out=local)


def test_the_same_inputs_resume(classify: Callable[..., ClassifySummary], smears: Path) -> None:
    """Images that are new or were deleted, more inputs, and another style of CSV are no reason to refuse."""
    out = Path("rows.csv")
    classify("a", out=out)
    (smears / "a" / "0.png").unlink()
    (smears / "a" / "new.png").write_bytes(encode(make_image(30)))
    assert classify("a", out=out).differential.total == 3
    assert classify("a", "b", out=out).differential.total == 6
    assert classify("a", "b", out=out, style=CsvStyle.EXCEL).differential.total == 6
    assert classify(".", out=out, style=CsvStyle.ISO).differential.total == 6
    with out.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 6


def test_a_resumed_table_is_that_of_one_run(
    classify: Callable[..., ClassifySummary], smears: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of the journal and new ones are in the order of the images; until the end, no table is there."""
    classify("a", "b", out=Path("whole.csv"), batch=1)
    add_all = Journal.add_all
    left = 3

    def add(journal: Journal, readings: Any) -> None:
        nonlocal left
        assert not Path("rows.csv").exists()
        if not left:
            raise KeyboardInterrupt
        left -= 1
        add_all(journal, readings)

    monkeypatch.setattr(Journal, "add_all", add)
    with pytest.raises(KeyboardInterrupt):
        classify("b/1.png", "a", "b", out=Path("rows.csv"), batch=1)
    assert [path.name for path in smears.iterdir() if "rows" in path.name] == ["rows.csv.journal"]
    left = 100
    assert classify("a", "b", out=Path("rows.csv"), batch=1).differential.total == 6
    assert left == 100 - 3
    assert Path("rows.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_a_watch_tells_what_it_leaves_out(smears: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for each kind of file; the table, its summary and its temporary files in the folder are none of them."""
    (smears / "a" / "x.heic").touch()
    (smears / "a" / ".thumbs").mkdir()
    lines: list[str] = []
    scans = 0

    def sleep(seconds: float) -> None:
        nonlocal scans
        scans += 1
        if scans == 20:
            (smears / "a" / "y.heic").touch()
            (smears / "a" / "notes.txt").touch()
        if scans == 40:
            raise KeyboardInterrupt

    monkeypatch.setattr(
        watch_module.watch, "__kwdefaults__", (watch_module.watch.__kwdefaults__ or {}) | {"sleep": sleep}
    )
    out = Path("a/table.csv")
    run(ClassifyRequest([Path("a")], watch=True, threads=1, out=out), lambda: bundle, io.StringIO(), say=lines.append)
    left = [line for line in lines if line.startswith(("left out", "folders not searched"))]
    assert left == [
        "left out, because the name is not that of an image: 1 .heic",
        f"folders not searched (system, hidden or linked): {Path('a/.thumbs')}",
        "left out, because the name is not that of an image: 2 .heic, 1 .txt",
        f"folders not searched (system, hidden or linked): {Path('a/.thumbs')}",
    ]
    told = json.loads(Path("a/table.summary.json").read_text(encoding="utf-8"))
    assert told["left_out"] == {".heic": 2, ".txt": 1}
    assert told["not_searched"] == [str(Path("a/.thumbs"))]


def test_a_watch_shows_that_it_is_alive() -> None:
    """The first images are told at once, further ones every ten seconds, and nothing while nothing comes."""
    now, said = 0.0, list[str]()
    counter = WatchCounter(said.append, lambda: now)
    counter.report()
    for second in range(25):
        now = float(second)
        if second < 15:
            counter.add([ResultRow("a", "neutrophil", 0.9, {}, Status.OK if second else Status.REVIEW)])
        counter.report()
    assert said == [
        "1 image classified: 1 review",
        "11 images classified: 10 ok, 1 review",
        "15 images classified: 14 ok, 1 review",
    ]
