"""`edgewbc bench`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import labelled, tiny


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, without the real pictures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGEWBC_DATA", raising=False)
    return tmp_path


def test_rows_of_a_bundle(edgewbc: Callable[..., Any], elsewhere: Path) -> None:
    """stdout holds one JSON object, the same as in the file; every precision of the bundle is a row."""
    tiny.make_bundle(elsewhere / "b")
    labelled.make_manifest(elsewhere / "m")
    fast = ("--seconds", "0.01", "--threads", "1", "--batch", "2")
    ran = edgewbc("bench", "--device", "cpu", "--model", "b", "--data", "m", *fast, "--json", "--out", "o.json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert json.loads(Path("o.json").read_text()) == found
    assert set(found) == {"machine", "data", "rows"}
    done = [row for row in found["rows"] if not row.get("error")]
    assert {"f32", "int8"} <= {row["precision"] for row in done}
    for row in done:
        assert row["n"] == 10
        assert row["images_per_s"] > 0
        assert row["batch"] == 2
        assert set(row["latency_ms"]) == {"p50", "p95", "p99", "n"}


def test_without_data_it_says_so_and_a_gate_is_not_met(edgewbc: Callable[..., Any], elsewhere: Path) -> None:
    """No manifest: timed on synthetic pictures, with a word on stderr; an accuracy that was asked for is missing."""
    tiny.make_bundle(elsewhere / "bundles" / "mine")
    ran = edgewbc("bench", "--model", "bundles/mine", "--seconds", "0.01", "--batch", "1", "--require-accuracy", "0.9")
    assert ran.code == 3
    assert "no manifest here: synthetic pictures are timed" in ran.err
    assert "none was measured" in ran.err
    assert "was not measured: there is no manifest" in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "gpu", "--model", "b"], "use --device cpu"),
        (["--model", "nowhere"], "nowhere: no such bundle"),
        (["--model", "b", "--data", "nowhere"], "make one with `edgewbc data manifest"),
    ],
)
def test_bad_input_is_one_line(
    edgewbc: Callable[..., Any], elsewhere: Path, arguments: list[str], message: str
) -> None:
    """A wrong device, model or manifest exits with 2 before anything is measured."""
    tiny.make_bundle(elsewhere / "b")
    ran = edgewbc("bench", *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""
