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


def test_widths_writes_and_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON on stdout is the file; without --out the committed tables are refreshed."""
    result: dict[str, Any] = {"widths": {}}
    monkeypatch.setattr("bench.widths.study.run", lambda out, **more: result | {"out": str(out), "rounds": 1})
    monkeypatch.setattr("bench.widths.report.text", lambda results: f"a table of {results['out']}")
    commands: list[Sequence[str]] = []
    monkeypatch.setattr("bench.console.subprocess.run", lambda command, **more: commands.append(command[1:]))
    assert widths(["--out", str(tmp_path / "w.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"widths": {}, "out": str(tmp_path / "w.json"), "rounds": 1}
    assert commands == []
    assert widths([]) == 0
    assert capsys.readouterr().out == f"a table of {console.RESULTS / 'widths.json'}\n"
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
