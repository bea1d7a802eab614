"""Tests of `edgewbc doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.errors import UserError
from edgewbc.utils import resources
from tests.tiny import make_bundle


def test_text_and_json(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """The text has a line per fact and a table of configurations; --json prints one object."""
    bundle = make_bundle(tmp_path / "b")
    ran = edgewbc("doctor", "--model", bundle.path, "--seconds", "0", "--threads", "1")
    assert ran.code == 0
    facts, remark, table = ran.out.split("\n\n")
    assert remark.startswith("the bundle does not describe its training images")
    names = [line.split()[0] for line in facts.splitlines()]
    assert names == ["CPU", "instructions", "cores", "memory", "system", "versions", "bundle", "int8", "best"]
    assert "1 threads in 1 streams: not saved (measured for 0 seconds)" in facts
    assert table.split()[:5] == ["precision", "threads", "streams", "images/s", "golden"]
    assert "(tiny: int8, f32)" in ran.out
    found = json.loads(edgewbc("doctor", "--model", bundle.path, "--seconds", "0", "--json").out)
    assert found["bundle"]["name"] == "tiny"
    assert found["bundle"]["training_images"] is False
    assert found["int8"]["pays"] is (found["int8"]["ratio"] >= 1.1)


def test_without_a_bundle_a_synthetic_network_is_measured(
    edgewbc: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the installation has no bundle, stderr has the reason."""

    def none() -> Path:
        raise UserError("no released bundle came with this installation")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(resources, "shipped_bundle", none)
    ran = edgewbc("doctor", "--seconds", "0")
    assert ran.code == 0
    assert "no bundle: no released bundle came with this installation" in ran.err
    assert "synthetic network" in ran.out


def test_fastest_configuration_is_saved(
    edgewbc: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The choice is saved in EDGEWBC_CACHE; where that fails, the output says so and the exit code is 0."""
    bundle = make_bundle(tmp_path / "b")
    monkeypatch.setenv("EDGEWBC_CACHE", str(tmp_path / "cache"))
    ran = edgewbc("doctor", "--model", bundle.path, "--threads", "1", "--seconds", "0.001", "--json")
    found = json.loads(ran.out)["tuning"]
    (saved,) = (tmp_path / "cache" / "tuning").iterdir()
    assert found["remembered"] == str(saved)
    assert json.loads(saved.read_text())["choice"] == found["choice"]
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("EDGEWBC_CACHE", str(tmp_path / "file"))
    ran = edgewbc("doctor", "--model", bundle.path, "--threads", "1", "--seconds", "0.001")
    assert ran.code == 0
    assert "not saved ([Errno" in ran.out


def test_missing_bundle_is_refused(edgewbc: Callable[..., Any], tmp_path: Path) -> None:
    """A bundle that was named and does not exist has exit code 2 and an error of one line."""
    ran = edgewbc("doctor", "--model", tmp_path / "gone")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines() == [f"edgewbc: {tmp_path / 'gone'}: no such bundle"]
