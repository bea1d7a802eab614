"""`python -m bench.poster`, `bench.edge` and `bench.widths`: the command lines of the studies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench import console
from bench.edge.__main__ import main as edge
from bench.poster.__main__ import main as poster
from bench.widths.__main__ import main as widths
from tests.studies.widths.test_report import RESULTS


def test_widths_writes_and_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON on stdout is the file; without --out the committed tables are refreshed."""
    written: list[Path] = []

    def run(out: Path, **more: Any) -> dict[str, Any]:
        written.append(out)
        return RESULTS

    monkeypatch.setattr("bench.widths.study.run", run)
    monkeypatch.setattr("bench.widths.report.text", lambda result: f"a table of {result.cpu}")
    commands: list[Sequence[str]] = []
    monkeypatch.setattr("bench.console.subprocess.run", lambda command, **more: commands.append(command[1:]))
    assert widths(["--out", str(tmp_path / "w.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == RESULTS
    assert commands == []
    assert widths([]) == 0
    assert capsys.readouterr().out == "a table of a CPU\n"
    assert written == [tmp_path / "w.json", console.RESULTS / "widths.json"]
    assert commands == [["-m", "bench.readme"]]


def test_poster_needs_the_originals(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --data and EDGEWBC_DATA: exit code 2, and one line with both ways to name the images."""
    monkeypatch.delenv("EDGEWBC_DATA", raising=False)
    assert poster([]) == 2
    message = capsys.readouterr().err
    assert "--data, or set EDGEWBC_DATA" in message
    assert message.count("\n") == 1


def test_edge_needs_a_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without a manifest: exit code 2, one line, nothing written."""
    assert edge(["--data", str(tmp_path / "none"), "--out", str(tmp_path / "edge.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())
