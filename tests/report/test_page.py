"""edgewbc.report.page: a result as one page that stands alone."""

from __future__ import annotations

import base64
import json
import re
import sys
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edgewbc.bench.result import BenchResult
from edgewbc.bench.row import FailedRow
from edgewbc.bench.scores import Mistake
from edgewbc.data.manifest import Protocol
from edgewbc.errors import UserError
from edgewbc.report import page
from tests import labeled
from tests.report import results

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

VOID = {"meta", "br", "img", "link", "hr", "input"}


class Reader(HTMLParser):
    """Tags, attributes and text of a page; fails if a tag is not closed in order."""

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
def result() -> BenchResult:
    """Two rows and a failed one, made by hand."""
    return results.by_hand()


@pytest.fixture(scope="module")
def read(result: BenchResult) -> Reader:
    """Its page, with an image of the mistake."""
    return Reader(page.html(result, [b"jpeg"]))


def test_the_first_sentence_has_the_delivered_row(read: Reader) -> None:
    """Counts, accuracy with interval, throughput, ratio with its range, latency, size."""
    assert (
        "small in int8 with openvino: 7 of 8 images correct (87.50 %, 95 % interval 52.91\u201397.76 %), 1,100 images "
        "per second, 11.0\u00d7 the throughput of the baseline (whole openvino f32; 10.0\u201312.0\u00d7 over the "
        "rounds), 0.800 ms per image (median; 99 % within 1.25 ms), 2.50 MB."
    ) in read.text


def test_the_table_has_all_rows(read: Reader) -> None:
    """Each row with its figures, the failed one with its reason; what is not known is a dash."""
    overview = read.text.split("All rows")[1].split("To baseline:")[0]
    heads, rows = overview.split("memory MB")
    assert " ".join(heads.split()) == (
        "# row accuracy 95 % interval correct images/s to baseline p50 ms p99 ms MB GMAC"
    )
    assert " ".join(rows.split()) == (
        "1 openvino int8 small, delivered 87.50 % 52.91\u201397.76 % 7 of 8 1,100 ! 11.0\u00d7 0.800 1.25 "
        "2.50 0.250 120 "
        "2 openvino f32 whole, baseline - - - 100 1.00\u00d7 12.0 15.0 59.2 3.84 640 "
        "3 onnx int8 small not measured: out of memory"
    )


def test_facts_name_data_machine_and_protocol(read: Reader, result: BenchResult) -> None:
    """The part of the split, the complete hash of the manifest, the date, the machine, the peak."""
    for words in (
        "Data pbc, test split: 8 images, sampled evenly from 1547 Protocol published Manifest " + "cd" * 32,
        "Date 2026-01-02 03:04 UTC Machine A CPU, 2 cores, 16 GB of memory Instructions AVX-512 System Linux 6",
        "Measured 3 rounds of 2 s per mode: in turns; threads chosen by each runtime",
        "Peaks int8 1,000 GMAC/s",
        "A research tool, not a medical device.",
        "marked ! are unsteady: their rounds differ by more than 10 % of their median (1: small openvino int8)",
    ):
        assert words in read.text


def test_the_reference_is_named_only_where_it_applies(result: BenchResult, read: Reader) -> None:
    """Under a protocol of the literature; not for synthetic images, and not for a laboratory's own cells."""
    assert "The reference of ~99 % is reached by no row under protocol published" in read.text
    assert "2,503 test images of 4 classes, under the protocol named poster" in read.text
    for data in (
        replace(result.data, source="synthetic"),
        replace(result.data, source="folder", protocol="grouped"),
        replace(result.data, protocol=None),
    ):
        text = page.html(replace(result, data=data))
        assert "99 %</" not in text
        assert "~99" not in text
        assert "poster" not in text
    synthetic = Reader(page.html(replace(result, data=replace(result.data, source="synthetic")))).text
    assert synthetic.index("These images are synthetic") < synthetic.index("All rows")


def test_charts_have_their_values_in_words(read: Reader) -> None:
    """For those who do not see them: every chart, at both widths, has a label with its figures."""
    labels = read.attributes("aria-label")
    for label in (
        "Accuracy over images per second of 1 rows. On the front: 1. The table has the figures.",
        "Images per second in each round. 1: small openvino int8: 1,000, 1,100, 1,200, median 1,100; "
        "2: whole openvino f32: 100, 100, 100, median 100.",
        "Milliseconds per image. 1: small openvino int8: p50 0.800, p95 1.00, p99 1.25, of 600 images; "
        "2: whole openvino f32: p50 12.0, p95 14.0, p99 15.0, of 60 images.",
        "Share of the measured peak. 1 openvino int8 small, delivered: 28 %, 275 of 1,000 GMAC/s.",
        "Recall by class. neutrophil: recall 75.00 % (30.06\u201395.44 %), n = 4, precision 100.00 %; "
        "monocyte: recall 100.00 % (51.01\u2013100.00 %), n = 4, precision 80.00 %.",
        "Share of correct predictions over confidence. confidence 50\u201360 %: 50.0 % correct, n = 2; "
        "confidence 90\u2013100 %: 100.0 % correct, n = 6.",
    ):
        assert labels.count(label) == 2


def test_charts_have_their_values_as_text(read: Reader) -> None:
    """Names and figures beside the rows can be searched and copied."""
    for words in ("1,100 images/s spread 18.2 % !", "0.800 ms p95 1.00, p99 1.25", "28 % 275 of 1,000 GMAC/s"):
        assert read.text.count(words) == 2


def test_details_of_a_row(read: Reader) -> None:
    """Rounds, threads and streams, benchmark_app; latency; kernels, version, input and hash."""
    for words in (
        "delivered 1,100 ! 1,000\u20131,200 10.0\u201312.0\u00d7 8 2 \u00d7 2 1.9 1,000 1.10\u00d7",
        "1 openvino int8 small, delivered 0.800 0.900 1.00 1.25 600 0.800\u20130.810 2 \u00d7 1 0.250 90.0",
        "1 openvino int8 small, delivered int8 15 u8, 2 f32 99.50 % AVX2 1 80 \u00d7 80 2.50 abababababab",
        "1 openvino int8 small, delivered 87.50 % 0.8730 0.0350 87.50 % 0 : 1, p = 1 0.2 row 2",
    ):
        assert words in read.text


def test_confusion_matrix(read: Reader, result: BenchResult) -> None:
    """Counts and percent of the true class, abbreviated headers; the shade is the root of the share."""
    matrix = read.text.split("true \\ predicted")[1].split("Recall by class")[0]
    assert " ".join(matrix.split()) == ("NEU MON neutrophil n = 4 3 75.0 % 1 25.0 % monocyte n = 4 0 4 100.0 %")
    styles = [one for one in read.attributes("style") if one.startswith("--share")]
    assert styles == ["--share:0.87", "--share:0.50", "--share:0.00", "--share:1.00"]


def test_rows_with_equal_matrices_share_one() -> None:
    """Six rows with three different matrices, that of the delivered row first."""
    text = page.html(results.make(results.manifest(Path("nowhere"))))
    assert [unescape(label) for label in re.findall(r'aria-label="Confusion matrix of ([^"]*)"', text)] == [
        "1: small openvino int8, 2: small onnx int8",
        "3: whole torch f32, 4: whole onnx f32, 5: whole openvino f32",
        "6: whole openvino bf16",
    ]


def test_reliability_and_mistakes(read: Reader) -> None:
    """Bins with Wilson's intervals; the mistake with both probabilities, its file and its image."""
    assert "50\u201360 % 2 55.0 % 50.0 % 9.5\u201390.5 %" in read.text
    assert "90\u2013100 % 6 97.0 % 100.0 % 61.0\u2013100.0 %" in read.text
    assert "60\u201370 %" not in read.text
    assert "All of its mistakes" in read.text
    assert "neutrophil \u2192 monocyte 55.1 %, label 44.9 % images/d.jpg" in read.text
    assert read.attributes("src") == ["data:image/jpeg;base64,anBlZw=="]
    assert read.attributes("alt") == ["A neutrophil that was classified as monocyte"]


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


def test_a_row_without_mistakes(result: BenchResult) -> None:
    """The page says so."""
    first = result.measured[0]
    assert first.scores is not None
    row = replace(first, scores=replace(first.scores, worst=(), correct=8))
    assert "None: every image was classified correctly." in Reader(page.html(result.with_rows(row))).text


def test_problems_are_listed(result: BenchResult) -> None:
    """Another precision than requested, a faster benchmark_app with other threads, a missing peak, a busy machine."""
    first, second = result.measured
    assert first.benchmark_app is not None
    first = replace(
        first, timing=replace(first.timing, precision_ran="f32"), peak_share=None,
        benchmark_app=replace(first.benchmark_app, near=False, alike=False),
    )  # fmt: skip
    second = replace(second, benchmark_app_error="no such file")
    changed = replace(
        result, protocol=replace(result.protocol, load_before=0.5), peaks={}, peak_errors={"int8": "refused"}
    ).with_rows(first, second)
    text = Reader(page.html(changed)).text
    for words in (
        "Disturbed: other programs used 50 % of the machine before, and 0 % (at most 2 %) during the measurements.",
        "1: small openvino int8: int8 was requested, but it ran in f32.",
        "1: small openvino int8: benchmark_app is faster by more than 3 %.",
        "1: small openvino int8: benchmark_app ran with a different number of threads or streams.",
        "2: whole openvino f32: no benchmark_app: no such file.",
        "No peak of int8: refused.",
    ):
        assert words in text


def test_command_that_repeats_it(result: BenchResult) -> None:
    """Models, split, limit, seconds, rounds, threads, batch and baseline as they were."""
    protocol = replace(result.protocol, threads=2, batches=(8,), seconds=0.5)
    text = Reader(page.html(replace(result, protocol=protocol))).text
    assert (
        "edgewbc bench --device cpu --model small --model whole --data MANIFEST --split test --limit 8 "
        "--seconds 0.5 --rounds 3 --threads 2 --batch 8 --out again.json --report again.html"
    ) in text
    named = replace(result.measured[1], model="vgg16gap-224")  # no path leads to it
    with_baseline = replace(result, protocol=replace(protocol, baseline=224)).with_rows(result.measured[0], named)
    assert "--model small --baseline 224 --data MANIFEST" in Reader(page.html(with_baseline)).text


def test_the_same_result_gives_the_same_bytes(result: BenchResult, tmp_path: Path) -> None:
    """From memory, and from the saved file by the command line."""
    page.write(result, tmp_path / "a.html")
    (tmp_path / "r.json").write_text(json.dumps(result.to_json()))
    assert page.main([str(tmp_path / "r.json"), str(tmp_path / "b.html")]) == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert (tmp_path / "a.html").read_bytes().count(b"\r") == 0


def test_images_of_the_mistakes(tmp_path: Path) -> None:
    """With the manifest its images are in the page; one that has changed is only named; another manifest is refused."""
    manifest = labeled.make_manifest(tmp_path / "m", n=40, protocol=Protocol.PUBLISHED)
    result = results.make(manifest)
    first, *rest = result.rows
    scores = result.measured[0].scores
    assert scores is not None
    worst = tuple(Mistake(i, manifest.entries[i].path, "basophil", "monocyte", 0.9, 0.1) for i in (3, 8))
    result = result.with_rows(replace(result.measured[0], scores=replace(scores, worst=worst)), *rest)
    manifest.file(manifest.entries[8]).write_bytes(b"changed")
    (tmp_path / "r.json").write_text(json.dumps(result.to_json()))
    arguments = [str(tmp_path / "r.json"), str(tmp_path / "p.html"), "--data", str(tmp_path / "m")]
    assert page.main(arguments) == 0
    read = Reader((tmp_path / "p.html").read_text())
    (source,) = read.attributes("src")
    assert base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))[:3] == b"\xff\xd8\xff"
    assert all(manifest.entries[i].path in read.text for i in (3, 8))
    other = labeled.make_manifest(tmp_path / "other", n=5)
    with pytest.raises(UserError, match=f"has manifest {other.sha256[:12]}, but the result is of manifest"):
        page.write(result, tmp_path / "q.html", other)
    assert not (tmp_path / "q.html").exists()


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
