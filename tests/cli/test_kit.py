"""Tests of `edgewbc kit`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.kit.fake import index
from tests.tiny import make_bundle


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a folder with a bundle and wheels."""
    make_bundle(tmp_path / "tiny")
    index(tmp_path / "wheels")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_json_is_one_object(edgewbc: Callable[..., Ran], workspace: Path) -> None:
    """It has folder, zip, sizes, wheels and licenses; downloads are reported on stderr."""
    ran = edgewbc("kit", "--for", "windows", "--model", "tiny", "--wheels", "wheels", "--zip", "--json")
    assert ran.code == 0
    summary = json.loads(ran.out)
    assert (summary["folder"], summary["zip"]) == ("edgewbc-kit-windows", "edgewbc-kit-windows.zip")
    assert summary["zip_size"] == (workspace / "edgewbc-kit-windows.zip").stat().st_size
    assert summary["facts"]["pythons"] == ["3.12"]
    assert {row["name"] for row in summary["licenses"]} >= {"edgewbc", "openvino", "numpy"}
    assert "fetching for Windows (x86-64) and Python 3.12: " in ran.err
    assert edgewbc("kit", "--for", "windows", "--model", "tiny", "--wheels", "wheels").code == 2  # never overwritten


def test_text_is_a_table_of_wheels(edgewbc: Callable[..., Ran], workspace: Path) -> None:
    """It has a row per wheel with its license, the removed and left out parts, and the total size."""
    options = ["--for", "linux", "--python", "3.12", "--to", "out/kit", "--model", "tiny", "--wheels", "wheels"]
    ran = edgewbc("kit", *options)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].split() == ["wheel", "version", "license", "size"]
    assert any(line.startswith("taken out of openvino: openvino_intel_gpu_plugin.so") for line in lines)
    assert any(line.startswith("left out: openvino-telemetry (") for line in lines)
    size = sum(f.stat().st_size for f in (workspace / "out" / "kit").rglob("*") if f.is_file())
    assert lines[-1].startswith(f"out/kit: {size / 1e6:.1f} MB in ")
    assert "model: tiny" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--for", "macos"], "--for macos: a kit is for windows or linux"),
        (["--for", "linux", "--python", "2.7"], "--python 2.7: give a version such as 3.12"),
        (["--for", "linux", "--python", ","], "no Python version is given"),
        (["--for", "linux", "--model", "gone"], "gone: no such bundle"),
        (["--for", "linux", "--wheels", "tiny"], "tiny: contains no wheels"),
    ],
)
def test_errors_are_one_line(edgewbc: Callable[..., Ran], workspace: Path, arguments: list[str], words: str) -> None:
    """Invalid input has exit code 2 and an error of one line, prints nothing on stdout and leaves no kit."""
    ran = edgewbc("kit", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err.splitlines()[-1]
    assert sorted(path.name for path in workspace.iterdir()) == ["tiny", "wheels"]


def test_help_says_that_it_downloads(edgewbc: Callable[..., Ran]) -> None:
    """--help says that the command downloads, and has a command line that can be copied."""
    out = edgewbc("kit", "--help").out
    assert "This command downloads" in out
    assert "\n    edgewbc kit --for windows --to edgewbc-kit-windows --zip" in out
