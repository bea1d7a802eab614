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
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a bundle and with wheels."""
    make_bundle(tmp_path / "tiny")
    index(tmp_path / "wheels")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_json_is_one_object(edgewbc: Callable[..., Ran], place: Path) -> None:
    """Folder, zip, sizes, wheels and licences on stdout; what is fetched goes to stderr."""
    ran = edgewbc("kit", "--for", "windows", "--model", "tiny", "--wheels", "wheels", "--zip", "--json")
    assert ran.code == 0
    told = json.loads(ran.out)
    assert (told["folder"], told["zip"]) == ("edgewbc-kit-windows", "edgewbc-kit-windows.zip")
    assert told["zip_size"] == (place / "edgewbc-kit-windows.zip").stat().st_size
    assert told["facts"]["pythons"] == ["3.12"]
    assert {row["name"] for row in told["licences"]} >= {"edgewbc", "openvino", "numpy"}
    assert "fetching for Windows (x86-64) and Python 3.12: " in ran.err
    assert edgewbc("kit", "--for", "windows", "--model", "tiny", "--wheels", "wheels").code == 2  # never overwritten


def test_a_table_for_a_person(edgewbc: Callable[..., Ran], place: Path) -> None:
    """A row a wheel with its licence, what was taken out, what was left out, and the size of all."""
    options = ["--for", "linux", "--python", "3.12", "--to", "out/kit", "--model", "tiny", "--wheels", "wheels"]
    ran = edgewbc("kit", *options)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].split() == ["wheel", "version", "licence", "size"]
    assert any(line.startswith("taken out of openvino: openvino_intel_gpu_plugin.so") for line in lines)
    assert any(line.startswith("left out: openvino-telemetry (") for line in lines)
    size = sum(f.stat().st_size for f in (place / "out" / "kit").rglob("*") if f.is_file())
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
def test_a_mistake_is_one_line(edgewbc: Callable[..., Ran], place: Path, arguments: list[str], words: str) -> None:
    """Exit code 2, the mend in the last line, nothing on stdout, nothing made."""
    ran = edgewbc("kit", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err.splitlines()[-1]
    assert sorted(path.name for path in place.iterdir()) == ["tiny", "wheels"]


def test_help_says_that_it_downloads(edgewbc: Callable[..., Ran]) -> None:
    """--help tells of the network, and ends with a command line that can be copied."""
    out = edgewbc("kit", "--help").out
    assert "This command downloads" in out
    assert "\n    edgewbc kit --for windows --to edgewbc-kit-windows --zip" in out
