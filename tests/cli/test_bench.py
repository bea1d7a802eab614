"""Tests of `edgewbc bench`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bench.runner import bench
from tests import labeled, tiny
from tests.bench.conftest import Fake


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to an empty working folder; EDGEWBC_DATA is unset and the system counts as idle."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGEWBC_DATA", raising=False)
    monkeypatch.setattr("edgewbc.bench.resource_use.system_load", lambda seconds=1.0: 0.0)
    return tmp_path


def test_bundle_has_a_row_per_precision(edgewbc: Callable[..., Any], elsewhere: Path) -> None:
    """stdout has one JSON object, which --out writes too; conditions that are met are printed on stderr."""
    tiny.make_bundle(elsewhere / "b")
    labeled.make_manifest(elsewhere / "m")
    fast = ["--seconds", "0.01", "--threads", "1", "--batch", "2", "--rounds", "1", "--no-peaks", "--no-benchmark-app"]
    fast += ["--require", "openvino:accuracy>=0", "--require", "size_mb<=100"]
    ran = edgewbc("bench", "--device", "cpu", "--model", "b", "--data", "m", *fast, "--json", "--out", "o.json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert json.loads(Path("o.json").read_text()) == found
    assert set(found) == {"machine", "format", "data", "protocol", "peaks", "rows"}
    assert "tiny/openvino/int8: size_mb" in ran.err
    done = [row for row in found["rows"] if not row.get("error")]
    assert {"f32", "int8"} <= {row["precision"] for row in done}
    for row in done:
        assert row["n"] == 10
        assert row["images_per_s"] > 0
        assert row["batch"] == 2
        assert set(row["latency_ms"]) == {"p50", "p90", "p95", "p99", "n"}


def test_without_a_manifest_no_accuracy_is_measured(
    edgewbc: Callable[..., Any], elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Synthetic images are timed, with a note on stderr; a required accuracy is not met: exit code 3."""
    tiny.make_bundle(elsewhere / "bundles" / "mine")
    fake = Fake()
    monkeypatch.setattr(bench, "__kwdefaults__", (bench.__kwdefaults__ or {}) | {"execute": fake})
    ran = edgewbc("bench", "--model", "bundles/mine", "--seconds", "0.01", "--batch", "1", "--require-accuracy", "0.9")
    assert ran.code == 3
    assert "no manifest here: synthetic images are timed" in ran.err
    assert "none was measured" in ran.err
    assert "no manifest: synthetic images, timed only" in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "gpu", "--model", "b"], "use --device cpu"),
        (["--model", "nowhere"], "nowhere: no such bundle"),
        (["--model", "b", "--data", "nowhere"], "create one with `edgewbc data manifest"),
        (["--model", "b", "--require", "speed>1"], "'speed' is not measured"),
        (["--model", "b", "--require", "tensorrt:speedup>1"], "matches no row; the rows are: tiny/openvino/f32"),
        (["compare", "nowhere.json", "b/manifest.json"], "nowhere.json: no such file"),
        (["compare", "b/manifest.json", "b/manifest.json"], "is not a result of `edgewbc bench --out`"),
    ],
)
def test_errors_are_one_line(edgewbc: Callable[..., Any], elsewhere: Path, arguments: list[str], message: str) -> None:
    """Invalid input has exit code 2 and an error of one line, before anything is measured."""
    tiny.make_bundle(elsewhere / "b")
    ran = edgewbc("bench", *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""


def test_required_speedup(edgewbc: Callable[..., Any], elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A speedup of 3 meets 2 but not 4: exit code 3, and after the table one line with row, value and limit."""
    tiny.make_bundle(elsewhere / "b")
    monkeypatch.setattr(bench, "__kwdefaults__", (bench.__kwdefaults__ or {}) | {"execute": Fake()})
    command = ("bench", "--model", "b", "--seconds", "0.01", "--out", "o.json")
    met = edgewbc(*command, "--require", "speedup>=2")
    assert (met.code, met.err.splitlines()[-1]) == (0, "tiny/openvino/int8: speedup 3, met >= 2")
    missed = edgewbc(*command, "--require", "speedup>=2", "--require", "int8:speedup>=4")
    assert missed.code == 3
    assert missed.err.splitlines()[-1] == "edgewbc: tiny/openvino/int8: speedup 3, required >= 4"
    assert "3.00x" in missed.out


def test_compare_reports_a_slower_row(
    edgewbc: Callable[..., Any], elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result compared with itself has exit code 0; one whose int8 row is half as fast has exit code 3."""
    tiny.make_bundle(elsewhere / "b")
    monkeypatch.setattr(bench, "__kwdefaults__", (bench.__kwdefaults__ or {}) | {"execute": Fake()})
    assert edgewbc("bench", "--model", "b", "--seconds", "0.01", "--out", "a.json").code == 0
    same = edgewbc("bench", "compare", "a.json", "a.json", "--json")
    assert same.code == 0, same.err
    assert [row["verdict"] for row in json.loads(same.out)["rows"]] == [
        "same within noise, predictions not compared"
    ] * 2
    slow = json.loads(Path("a.json").read_text())
    slow["rows"][2]["rounds"]["images_per_s"] = [150.0, 150.0, 150.0]
    Path("b.json").write_text(json.dumps(slow))
    ran = edgewbc("bench", "compare", "a.json", "b.json")
    assert ran.code == 3
    assert ran.err.splitlines()[-1] == "edgewbc: tiny/openvino/int8: slower, predictions not compared"
    assert "0.500" in ran.out
    Path("c.json").write_text(json.dumps({**slow, "rows": []}))
    assert edgewbc("bench", "compare", "a.json", "c.json").code == 2


@pytest.mark.parametrize("name", ["poster", "edge", "widths"])
def test_former_suites_name_the_new_command(edgewbc: Callable[..., Any], name: str) -> None:
    """The error of `--suite` has the command that runs the study now."""
    ran = edgewbc("bench", "--suite", name)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"edgewbc: --suite {name} is now `python -m bench.{name}`, run in a checkout of edgewbc\n"


def test_unknown_suite_is_named(edgewbc: Callable[..., Any]) -> None:
    """The error lists the studies."""
    ran = edgewbc("bench", "--suite", "roster")
    assert ran.code == 2
    assert "--suite roster: there is no such study" in ran.err
    assert "`python -m bench.poster`, `python -m bench.edge`" in ran.err


def test_a_bundle_without_its_option(edgewbc: Callable[..., Any]) -> None:
    """Other commands take a bundle by itself: the error names the option."""
    ran = edgewbc("bench", "bundles/mine")
    assert ran.code == 2
    assert "bundles/mine is not a command: name a bundle or run folder with --model bundles/mine" in ran.err
