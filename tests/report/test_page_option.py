"""`edgewbc bench --report`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bench.runner import bench
from edgewbc.report import page
from tests import labelled, tiny
from tests.bench.conftest import Fake


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, with a worker that does no work."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("edgewbc.bench.system_load.before", lambda seconds=1.0: 0.0)
    monkeypatch.setattr(bench, "__kwdefaults__", bench.__kwdefaults__ | {"execute": Fake()})
    tiny.make_bundle(tmp_path / "b")
    labelled.make_manifest(tmp_path / "m")
    return tmp_path


def test_report_is_written_beside_the_result(edgewbc: Callable[..., Any]) -> None:
    """One page with the pictures of the mistakes; the saved result gives the same page; stdout is as ever."""
    ran = edgewbc("bench", "--model", "b", "--data", "m", "--out", "o.json", "--report", "o.html", "--json")
    assert ran.code == 0, ran.err
    result = json.loads(ran.out)
    assert result["machine"]["measured_at"].endswith(" UTC")
    text = Path("o.html").read_text(encoding="utf-8")
    assert text.count("<img ") == 8  # ten pictures, two of which are of the class that is always answered
    assert result["machine"]["measured_at"] in text
    assert page.main(["o.json", "again.html", "--data", "m"]) == 0
    assert Path("again.html").read_bytes() == Path("o.html").read_bytes()


def test_without_a_manifest(edgewbc: Callable[..., Any]) -> None:
    """Timed only: the page says so."""
    (Path("m") / "manifest.csv").rename("gone.csv")
    ran = edgewbc("bench", "--model", "b", "--report", "o.html")
    assert ran.code == 0, ran.err
    assert "no manifest: synthetic pictures, timed only" in Path("o.html").read_text(encoding="utf-8")


def test_what_cannot_be_reported_is_said_before_it_is_measured(
    edgewbc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2 for a bench from file to label, and where jinja2 is missing."""
    ran = edgewbc("bench", "--report", "o.html", "--end-to-end")
    assert ran.code == 2
    assert "--report cannot be combined with --end-to-end" in ran.err
    monkeypatch.setitem(sys.modules, "jinja2", None)
    ran = edgewbc("bench", "--model", "b", "--data", "m", "--report", "o.html")
    assert ran.code == 2
    assert "pip install jinja2" in ran.err
    assert not Path("o.html").exists()
