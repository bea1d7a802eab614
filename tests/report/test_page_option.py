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
from tests import labeled, tiny
from tests.bench.conftest import Fake


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and a worker that does no work."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("edgewbc.bench.resource_use.system_load", lambda seconds=1.0: 0.0)
    monkeypatch.setattr(bench, "__kwdefaults__", (bench.__kwdefaults__ or {}) | {"execute": Fake()})
    tiny.make_bundle(tmp_path / "b")
    labeled.make_manifest(tmp_path / "m")
    return tmp_path


def test_report_is_written_beside_the_result(edgewbc: Callable[..., Any]) -> None:
    """One page with the images of the mistakes; the saved result gives the same page; stdout is unchanged."""
    ran = edgewbc("bench", "--model", "b", "--data", "m", "--out", "o.json", "--report", "o.html", "--json")
    assert ran.code == 0, ran.err
    result = json.loads(ran.out)
    assert result["machine"]["measured_at"].endswith(" UTC")
    text = Path("o.html").read_text(encoding="utf-8")
    assert text.count("<img ") == 8  # ten images, two of which have the class that is always predicted
    assert result["machine"]["measured_at"] in text
    assert page.main(["o.json", "again.html", "--data", "m"]) == 0
    assert Path("again.html").read_bytes() == Path("o.html").read_bytes()


def test_without_a_manifest(edgewbc: Callable[..., Any]) -> None:
    """The page says that the model was only timed."""
    (Path("m") / "manifest.csv").rename("gone.csv")
    ran = edgewbc("bench", "--model", "b", "--report", "o.html")
    assert ran.code == 0, ran.err
    assert "no manifest: synthetic images, timed only" in Path("o.html").read_text(encoding="utf-8")


def test_errors_come_before_anything_is_measured(edgewbc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2 with --end-to-end, and if jinja2 is missing."""
    ran = edgewbc("bench", "--report", "o.html", "--end-to-end")
    assert ran.code == 2
    assert "--report cannot be combined with --end-to-end" in ran.err
    monkeypatch.setitem(sys.modules, "jinja2", None)
    ran = edgewbc("bench", "--model", "b", "--data", "m", "--report", "o.html")
    assert ran.code == 2
    assert "a report needs jinja2, which is not installed: pip install" in ran.err
    assert not Path("o.html").exists()
