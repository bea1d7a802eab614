"""edgewbc.report.page_predictions: reliability and mistakes."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgewbc.bench.result import BenchResult
from edgewbc.bench.scores import Mistake
from edgewbc.data.manifest import Protocol
from edgewbc.errors import UserError
from edgewbc.report import page
from tests import labeled
from tests.report import results
from tests.report.page_reader import Reader

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


def test_reliability_and_mistakes(read: Reader) -> None:
    """Bins with Wilson's intervals; the mistake with both probabilities, its file and its image."""
    assert "50\u201360 % 2 55.0 % 50.0 % 9.5\u201390.5 %" in read.text
    assert "90\u2013100 % 6 97.0 % 100.0 % 61.0\u2013100.0 %" in read.text
    assert "60\u201370 %" not in read.text
    assert "All of its mistakes" in read.text
    assert "neutrophil \u2192 monocyte 55.1 %, label 44.9 % images/d.jpg" in read.text
    assert read.attributes("src") == ["data:image/jpeg;base64,anBlZw=="]
    assert read.attributes("alt") == ["A neutrophil that was classified as monocyte"]


def test_a_row_without_mistakes(result: BenchResult) -> None:
    """The page says so."""
    first = result.measured[0]
    assert first.scores is not None
    row = replace(first, scores=replace(first.scores, worst=(), correct=8))
    assert "None: every image was classified correctly." in Reader(page.html(result.with_rows(row))).text


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
