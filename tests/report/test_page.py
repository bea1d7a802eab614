"""edgewbc.report.page: a result as one page that stands alone."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgewbc.bench.result import BenchResult
from edgewbc.bench.row import FailedRow
from edgewbc.bench.scores import Mistake
from edgewbc.errors import UserError
from edgewbc.report import page
from tests.report.page_reader import Reader

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


def test_page_stands_alone(result: BenchResult) -> None:
    """Nothing is fetched and nothing runs: no address, no file, no script, no font, no import in the style."""
    text = page.html(result, [b"jpeg"])
    read = Reader(text)
    assert not {tag for tag, _ in read.tags} & {"script", "link", "iframe", "object", "embed", "base", "form"}
    sources = read.attributes("src", "href", "xlink:href", "srcset", "action", "poster", "data")
    assert all(source.startswith(("data:image/jpeg;base64,", "#")) for source in sources)
    assert not re.search(r"https?:|file:|//|@import|@font-face|javascript:", re.sub(r"base64,[^\"]*", "", text))
    assert all(address.startswith("#") for address in re.findall(r"url\(([^)]*)\)", text))
    assert not [name for _, attributes in read.tags for name in attributes if name.startswith("on")]
    ids = read.attributes("id")
    assert len(ids) == len(set(ids))


def test_every_drawing_and_table_has_words(read: Reader) -> None:
    """A drawing has a label or is hidden from screen readers, an image has its alt text, headers have a scope."""
    for tag, held in read.tags:
        if tag == "svg":
            assert held.get("aria-label") or held.get("aria-hidden") == "true"
        if tag == "img":
            assert (held.get("alt") or "").startswith("A ")
        if tag == "th":
            assert held["scope"] in ("row", "col")
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in read.tags
    assert next(held for tag, held in read.tags if tag == "html") == {"lang": "en"}


def test_names_are_escaped(result: BenchResult) -> None:
    """A model, a file, a class, an error and a machine with hostile names are text and not tags."""
    evil = "<script>alert('x')</script>\"&"
    first, second, _ = result.rows
    scores = result.measured[0].scores
    assert scores is not None
    scores = replace(
        scores, classes=(evil, "monocyte"), per_class={evil: scores.per_class["neutrophil"]},
        worst=(Mistake(3, f"a/{evil}.jpg", evil, "monocyte", 0.6, 0.4),),
    )  # fmt: skip
    rows = replace(result.measured[0], model=evil, scores=scores), second, FailedRow(evil, "onnx", "int8", error=evil)
    machine = replace(result.machine, cpu=evil)
    text = page.html(replace(result, rows=rows, machine=machine), [b"jpeg"])
    read = Reader(text)
    assert "<script" not in text
    assert f"Benchmark of {evil}" in read.text
    assert f"a/{evil}.jpg" in read.text
    assert f"A {evil} that was classified" in " ".join(read.attributes("alt"))


def test_what_was_not_measured_leaves_no_hole(result: BenchResult) -> None:
    """No accuracy, no peaks, no benchmark_app: their sections are left out, and no value is None or NaN."""
    row = replace(result.measured[0], scores=None, agreement=None, benchmark_app=None, peak_share=None, gmac=None)
    data = replace(result.data, source="synthetic", protocol=None, split=None, manifest_sha256=None, n=0, of=0)
    machine = replace(result.machine, measured_at=None)
    read = Reader(page.html(replace(result, data=data, machine=machine, peaks={}, rows=(row,))))
    for word in ("None", "nan", "Undefined", "Confusion", "Reliability", "Share of the peak", "Date", "GMAC/s"):
        assert word not in read.text
    assert "no manifest: synthetic images, timed only" in read.text
    assert "--no-peaks --no-benchmark-app" in read.text
    assert "--data" not in read.text
    assert len([tag for tag, _ in read.tags if tag == "h2"]) == 6


def test_a_result_without_measured_rows(result: BenchResult) -> None:
    """The page names the rows and their reasons, and draws nothing."""
    read = Reader(page.html(result.with_rows(*result.failed)))
    assert "No row could be measured" in read.text
    assert "1 onnx int8 small not measured: out of memory" in read.text
    assert "plot" not in read.attributes("class")


def test_the_same_result_gives_the_same_bytes(result: BenchResult, tmp_path: Path) -> None:
    """From memory, and from the saved file by the command line."""
    page.write(result, tmp_path / "a.html")
    (tmp_path / "r.json").write_text(json.dumps(result.to_json()))
    assert page.main([str(tmp_path / "r.json"), str(tmp_path / "b.html")]) == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert (tmp_path / "a.html").read_bytes().count(b"\r") == 0


def test_other_files_are_refused(result: BenchResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and one line that names the file: something else, an older format, a missing part, no file."""
    values = result.to_json()
    old = {name: part for name, part in values.items() if name != "format"}
    broken = {name: part for name, part in values.items() if name != "peaks"}
    for name, held, words in (
        ("list", [1], "is not a result of `edgewbc bench --out`"),
        ("old", old, "has format 1, and this version of edgewbc reads format 2"),
        ("broken", broken, "is damaged"),
    ):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(held))
        assert page.main([str(path), str(tmp_path / "p.html")]) == 2
        line = capsys.readouterr().err
        assert line.startswith(str(path))
        assert words in line
        assert line.count("\n") == 1
    assert page.main([str(tmp_path / "missing.json"), str(tmp_path / "p.html")]) == 2
    assert not (tmp_path / "p.html").exists()


@pytest.mark.parametrize("module", ["jinja2", "matplotlib"])
def test_missing_packages_are_named_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """The message has the command that installs both."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf"a report needs {module}, which is not installed: pip install .*report"):
        page.ready()
