"""`edgewbc doctor`: a page for a person, one object for a machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.errors import UserError
from edgewbc.utils import resources
from tests.tiny import make_bundle


def test_a_page_and_an_object(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """Each fact has its line; --json prints one object and nothing else."""
    made = make_bundle(tmp_path / "b")
    ran = edgewbc("doctor", "--model", made.path, "--seconds", "0", "--threads", "1")
    assert ran.code == 0
    page, table = ran.out.split("\n\n")
    names = [line.split()[0] for line in page.splitlines()]
    assert names == ["CPU", "instructions", "cores", "memory", "system", "versions", "bundle", "int8", "best"]
    assert "1 threads in 1 streams: not remembered (measured for 0 seconds)" in page
    assert table.split()[:5] == ["precision", "threads", "streams", "images/s", "answers"]
    assert "(tiny: int8, f32)" in ran.out
    told = json.loads(edgewbc("doctor", "--model", made.path, "--seconds", "0", "--json").out)
    assert told["bundle"]["name"] == "tiny"
    assert told["int8"]["pays"] is (told["int8"]["ratio"] >= 1.1)


def test_without_a_bundle_the_pc_is_looked_at(
    edgewbc: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no bundle came with the installation, a synthetic network is measured and stderr says why."""

    def none() -> Path:
        raise UserError("no released bundle came with this installation")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(resources, "shipped_bundle", none)
    ran = edgewbc("doctor", "--seconds", "0")
    assert ran.code == 0
    assert "no bundle: no released bundle came with this installation" in ran.err
    assert "synthetic network" in ran.out


def test_what_is_best_is_remembered(edgewbc: Callable[..., Any], tmp_path: Path, monkeypatch: Any) -> None:
    """A measurement of some length is kept where EDGEWBC_CACHE says; where it cannot be, that is said and no error."""
    made = make_bundle(tmp_path / "b")
    monkeypatch.setenv("EDGEWBC_CACHE", str(tmp_path / "cache"))
    ran = edgewbc("doctor", "--model", made.path, "--threads", "1", "--seconds", "0.001", "--json")
    told = json.loads(ran.out)["tuning"]
    (kept,) = (tmp_path / "cache" / "tuning").iterdir()
    assert told["remembered"] == str(kept)
    assert json.loads(kept.read_text())["choice"] == told["choice"]
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("EDGEWBC_CACHE", str(tmp_path / "file"))
    ran = edgewbc("doctor", "--model", made.path, "--threads", "1", "--seconds", "0.001")
    assert ran.code == 0
    assert "not remembered ([Errno" in ran.out


def test_a_named_bundle_must_be_there(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """A bundle that was named and is missing is exit code 2, in one line."""
    ran = edgewbc("doctor", "--model", tmp_path / "gone")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines() == [f"edgewbc: {tmp_path / 'gone'}: no such bundle"]
