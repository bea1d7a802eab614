"""edgewbc.report.page: a result as one page that stands alone."""

from __future__ import annotations

import base64
import copy
import json
import re
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bench.result import BenchResult
from edgewbc.errors import UserError
from edgewbc.report import page
from edgewbc.report.scale import short
from tests import labelled
from tests.report import results

VOID = {"meta", "br", "img", "link", "hr", "input"}


class Reader(HTMLParser):
    """Tags, attributes, words and sources of a page; fails on a tag that is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, *names: str) -> list[str]:
        return [value or "" for _, held in self.tags for name, value in held.items() if name in names]


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    """Six rows and a failed one, of 500 pictures."""
    return results.make(results.manifest(Path("nowhere")))


def test_page_stands_alone(result: dict[str, Any]) -> None:
    """Nothing is fetched and nothing runs: no address, no file, no script, no font, no import in the style."""
    held = copy.deepcopy(result)
    text = page.html(BenchResult.from_json(held), [b"jpeg"] * len(held["rows"][0]["worst"]))
    read = Reader(text)
    assert not {tag for tag, _ in read.tags} & {"script", "link", "iframe", "object", "embed", "base", "form"}
    sources = read.attributes("src", "href", "xlink:href", "srcset", "action", "poster", "data")
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not re.search(r"https?:|file:|//|@import|@font-face|javascript:", re.sub(r"base64,[^\"]*", "", text))
    assert set(re.findall(r"url\(([^)]*)\)", text)) == {"#hatch"}
    assert not [name for _, attributes in read.tags for name in attributes if name.startswith("on")]


def test_all_rows_are_there_with_their_figures(result: dict[str, Any]) -> None:
    """The table has each row of the JSON, in order, with its own numbers; the failed one with its reason."""
    read = Reader(page.html(BenchResult.from_json(result)))
    overview = read.text.split("All rows")[1].split("To baseline:")[0]
    place = -1
    for number, row in enumerate(result["rows"], 1):
        place = overview.index(f"{number} {row['backend']} {row['precision']} {row['model']}", place + 1)
        after = overview[place:]
        if row.get("error"):
            assert "not measured: not able to" in after
            continue
        low, high = row["interval"]
        expected = [
            f"{100 * row['accuracy']:.2f} %",
            f"{100 * low:.2f}\u2013{100 * high:.2f} %",
            f"{row['correct']} of {row['n']}",
            short(row["images_per_s"]),
            f"{short(row['speedup'])}\u00d7",
            short(row["latency_ms"]["p50"]),
            short(row["latency_ms"]["p99"]),
            short(row["size_mb"]),
            short(row["gmac"]),
            short(row["rss_mb"]),
        ]
        assert " ".join(expected) in after
    assert "1 openvino int8 small, delivered" in overview
    assert "5 openvino f32 whole, baseline" in overview


def test_head_names_data_machine_and_reference(result: dict[str, Any]) -> None:
    """Protocol, the manifest's whole hash, the date and the machine; the reference with its protocol."""
    text = Reader(page.html(BenchResult.from_json(result))).text
    row = result["rows"][0]
    assert f"{row['correct']} of 500 pictures right" in text
    assert result["data"]["manifest_sha256"] in text
    for words in ("pbc, test split: 500 pictures", "published", "2026-01-02 03:04 UTC", "A CPU, 2 cores, 16 GB"):
        assert words in text
    assert "The reference of ~99 % is met by 1 of 6 rows under protocol published" in text
    assert "2,503 test pictures of 4 types, under the protocol named poster" in text
    assert "A research tool, not a medical device." in text


def test_confusion_matrices_are_shared_by_rows_that_answer_alike(result: dict[str, Any]) -> None:
    """Six rows with three different matrices: the delivered one first, each count in its place."""
    text = page.html(BenchResult.from_json(result))
    parts = re.findall(r'<div class="matrix.*?</table>', text, re.S)
    names = [unescape(re.findall(r'aria-label="Confusion matrix of ([^"]*)"', part)[0]) for part in parts]
    assert names == [
        "1: small openvino int8, 2: small onnx int8",
        "3: whole torch f32, 4: whole onnx f32, 5: whole openvino f32",
        "6: whole openvino bf16",
    ]
    for part, index in zip(parts, (0, 2, 5), strict=True):
        cells = re.findall(r"<td[^>]*>(?:<b>)?(\d+)", part)
        assert [int(cell) for cell in cells] == sum(result["rows"][index]["confusion"], [])


def test_classes_reliability_and_mistakes_are_the_delivered_rows(result: dict[str, Any]) -> None:
    """Recall with interval a class, the bins of the reliability curve, and each listed mistake with its file."""
    row = result["rows"][0]
    text = Reader(page.html(BenchResult.from_json(result))).text
    for name, held in row["per_class"].items():
        low, high = held["recall_interval"]
        assert f"{name} n = {held['n']}, precision {100 * held['precision']:.2f} %" in text
        assert f"{100 * held['recall']:.2f} % {100 * low:.2f}\u2013{100 * high:.2f} %" in text
    for index, held in enumerate(row["reliability"]):
        words = f"{10 * index}\u2013{10 * index + 10} % {held['n']} "
        assert (words in text) == (held["n"] > 0)
    assert len(row["worst"]) == row["n"] - row["correct"]
    for held in row["worst"]:
        said = f"{held['label']} \u2192 {held['said']} {100 * held['probability']:.1f} %"
        assert f"{said}, label {100 * held['probability_of_label']:.1f} % {held['path']}" in text


def test_every_drawing_and_table_has_words(result: dict[str, Any]) -> None:
    """A drawing has a label or is hidden from screen readers, a picture has its alt text, headers have a scope."""
    read = Reader(page.html(BenchResult.from_json(result), [b"jpeg"] * len(result["rows"][0]["worst"])))
    for tag, held in read.tags:
        if tag == "svg":
            assert held.get("aria-label") or held.get("aria-hidden") == "true"
        if tag == "img":
            assert (held.get("alt") or "").startswith("A ")
        if tag == "th":
            assert held["scope"] in ("row", "col")
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in read.tags
    assert next(held for tag, held in read.tags if tag == "html") == {"lang": "en"}


def test_names_are_escaped(result: dict[str, Any]) -> None:
    """A model, a file, a class, an error and a machine with the worst of names are words and not tags."""
    evil = "<script>alert('x')</script>\"&"
    held = copy.deepcopy(result)
    for row in held["rows"]:
        row["model"] = evil
        if not row.get("error"):
            row["classes"][0] = evil
            row["per_class"] = {evil: row["per_class"].pop("neutrophil"), **row["per_class"]}
            row["worst"][0] |= {"path": f"a/{evil}.jpg", "label": evil}
    held["rows"][-1]["error"] = evil
    held["machine"]["cpu"] = evil
    held["data"]["source"] = evil
    text = page.html(BenchResult.from_json(held), [b"jpeg"] * len(held["rows"][0]["worst"]))
    read = Reader(text)
    assert "<script" not in text
    assert "alert('x')</" not in text
    assert not [tag for tag, _ in read.tags if tag == "script"]
    assert f"Benchmark of {evil}" in read.text
    assert f"a/{evil}.jpg" in read.text
    assert f"A {evil} that was called" in " ".join(read.attributes("alt"))


def test_what_was_not_measured_leaves_no_hole(result: dict[str, Any]) -> None:
    """No accuracy, no peaks, no benchmark_app, one round: their sections go, and nothing says None or NaN."""
    held = results.make(results.manifest(Path("nowhere")), rounds=1, failed=False)
    held["data"] = {**held["data"], "source": "synthetic", "protocol": None, "split": None, "n": 0, "of": 0}
    held["data"]["manifest_sha256"] = held["data"]["truth"] = None
    answered = ("n", "correct", "balanced_accuracy", "macro_f1", "per_class", "confusion", "classes", "ece")
    for row in held["rows"]:
        for name in (*answered, "reliability", "worst", "answers"):
            row.pop(name)
        row |= dict.fromkeys(
            ("accuracy", "interval", "n", "correct", "reference", "agreement", "mcnemar", "parity", "against")
        )
        row |= dict.fromkeys(("benchmark_app", "peak_share", "gmac", "gmac_per_s", "rss_mb"))
    held["peaks"] = {}
    held["machine"].pop("measured_at")
    read = Reader(page.html(BenchResult.from_json(held)))
    for word in ("None", "nan", "Undefined", "Confusion", "Reliability", "Against the hardware", "Date", "GMAC/s"):
        assert word not in read.text.replace("None:", "")
    assert "no manifest: synthetic pictures, timed only" in read.text
    assert "was not measured: there is no manifest" in read.text
    assert "--no-peaks --no-benchmark-app" in read.text
    assert "--data" not in read.text
    headings = [tag for tag, _ in read.tags if tag == "h2"]
    assert len(headings) == 7


def test_a_result_in_which_all_failed(result: dict[str, Any]) -> None:
    """The page names the rows and their reasons, and draws nothing."""
    held = copy.deepcopy(result)
    held["rows"] = [held["rows"][-1]]
    read = Reader(page.html(BenchResult.from_json(held)))
    assert "No row could be measured" in read.text
    assert "1 torch int8 small not measured: not able to" in read.text
    assert "plot" not in read.attributes("class")


def test_mistakes_that_none_made(result: dict[str, Any]) -> None:
    """A row without mistakes says so."""
    held = copy.deepcopy(result)
    held["rows"][0] |= {"worst": [], "correct": 500}
    assert "None: every picture was answered right." in Reader(page.html(BenchResult.from_json(held))).text


def test_unsteady_rows_disturbance_and_odd_runs_are_said(result: dict[str, Any]) -> None:
    """An unsteady figure has its mark and its warning; so have a busy machine and another precision than asked for."""
    held = copy.deepcopy(result)
    row = held["rows"][0]
    row["unsteady"], row["precision_ran"] = ["images_per_s"], "f32"
    row["benchmark_app"] |= {"near": False, "alike": False}
    held["rows"][4]["benchmark_app"] = {"error": "not today"}
    held["peaks"]["bf16"], held["rows"][5]["peak_share"] = {"error": "refused"}, None
    held["protocol"]["load_before"] = 0.5
    text = Reader(page.html(BenchResult.from_json(held))).text
    assert f"{short(row['images_per_s'])} !" in text
    assert "lie further apart than 10 % of their median. That is 1: small openvino int8." in text
    assert "Disturbed: other programs used 50 % of the machine before" in text
    assert "1: small openvino int8 was asked for in int8, and ran in f32." in text
    assert "1: small openvino int8: benchmark_app is faster by more than 3 %." in text
    assert "ran with other threads or streams than ours" in text
    assert "5: whole openvino f32: no benchmark_app: not today." in text
    assert "No peak of bf16: refused." in text


def test_synthetic_pictures_are_told_at_the_top(result: dict[str, Any]) -> None:
    """Figures on drawn cells carry their warning before them, and are not held against the reference."""
    held = copy.deepcopy(result)
    held["data"]["source"] = "synthetic"
    read = Reader(page.html(BenchResult.from_json(held)))
    assert read.text.index("drawn by the toolkit") < read.text.index("All rows")
    assert "synthetic pictures say nothing about real cells" in read.text
    assert ">reference</text>" not in page.html(BenchResult.from_json(held))


def test_command_that_repeats_it(result: dict[str, Any]) -> None:
    """It names models, split, limit, seconds, rounds, threads and batch as they were."""
    held = copy.deepcopy(result)
    held["data"]["n"] = 100
    held["protocol"] |= {"threads": 2, "batches": [8], "seconds": 0.5}
    text = Reader(page.html(BenchResult.from_json(held))).text
    assert (
        "edgewbc bench --device cpu --model small --model whole --data MANIFEST --split test --limit 100 "
        "--seconds 0.5 --rounds 3 --threads 2 --batch 8 --out again.json --report again.html"
    ) in text
    held["protocol"]["baseline"] = 224  # no model that a path could name
    held["rows"].append({**held["rows"][0], "model": "vgg16gap-224"})
    text = Reader(page.html(BenchResult.from_json(held))).text
    assert "--model small --model whole --baseline 224 --data MANIFEST" in text


def test_the_same_result_gives_the_same_bytes(result: dict[str, Any], tmp_path: Path) -> None:
    """Twice from memory, and once from the saved file by the command line."""
    page.write(BenchResult.from_json(result), tmp_path / "a.html")
    (tmp_path / "r.json").write_text(json.dumps(result))
    assert page.main([str(tmp_path / "r.json"), str(tmp_path / "b.html")]) == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert (tmp_path / "a.html").read_bytes().count(b"\r") == 0


def test_pictures_of_the_mistakes(tmp_path: Path) -> None:
    """With the manifest its pictures are inside; one that has changed is named only; another manifest is refused."""
    held = labelled.make_manifest(tmp_path / "m", n=40, protocol="published")
    result = results.make(held)
    row = result["rows"][0]
    wrong = (3, 8)
    told = {"label": "basophil", "said": "monocyte", "probability": 0.9, "probability_of_label": 0.1}
    row["worst"] = [{"index": index, "path": held.entries[index].path, **told} for index in wrong]
    held.file(held.entries[8]).write_bytes(b"changed")
    (tmp_path / "r.json").write_text(json.dumps(result))
    arguments = [str(tmp_path / "r.json"), str(tmp_path / "p.html"), "--data", str(tmp_path / "m")]
    assert page.main(arguments) == 0
    read = Reader((tmp_path / "p.html").read_text())
    (source,) = read.attributes("src")
    assert base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))[:3] == b"\xff\xd8\xff"
    assert all(held.entries[i].path in read.text for i in wrong)
    other = labelled.make_manifest(tmp_path / "other", n=5)
    with pytest.raises(UserError, match=f"its manifest is {other.sha256[:12]}, and the result is of"):
        page.write(BenchResult.from_json(result), tmp_path / "q.html", other)
    assert not (tmp_path / "q.html").exists()


def test_what_is_no_result_is_refused(
    result: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 and one line that names the file: no file, another file, an older format, a part that is missing."""
    old = {name: part for name, part in result.items() if name != "format"}
    broken = {name: part for name, part in result.items() if name != "peaks"}
    for name, held, words in (
        ("list", [1], "is not a result of `edgewbc bench --out`"),
        ("old", old, "has format 1, and this version of edgewbc reads format 2"),
        ("broken", broken, "is damaged, or is not a result of"),
    ):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(held))
        assert page.main([str(path), str(tmp_path / "p.html")]) == 2
        line = capsys.readouterr().err
        assert line.startswith(str(path))
        assert words in line
        assert line.count("\n") == 1
    assert page.main([str(tmp_path / "gone.json"), str(tmp_path / "p.html")]) == 2
    assert not (tmp_path / "p.html").exists()


def test_without_jinja2_it_is_said_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab's PC gets the command that installs it."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UserError, match="a report needs jinja2, which is not installed: pip install jinja2"):
        page.ready()
