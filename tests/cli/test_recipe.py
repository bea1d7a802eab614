"""Tests of `edgewbc recipe`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Run = Callable[..., Any]


def test_list(edgewbc: Run) -> None:
    """Every built-in recipe has its command and a sentence."""
    rows = json.loads(edgewbc("recipe", "list", "--json").out)
    commands = {row["name"]: row["command"] for row in rows}
    assert (commands["demo"], commands["edge/prune"], commands["qat"]) == ("train", "prune", "qat")
    assert all(row["about"].endswith(".") and len(row["about"]) > 20 for row in rows)
    assert "vgg16gap-112" in edgewbc("recipe", "list").out


def test_show(edgewbc: Run) -> None:
    """All keys are printed, with changes; a wrong one is an error of one line."""
    ran = edgewbc("recipe", "show", "demo", "--set", "fit.lr=3e-4")
    values = yaml.safe_load(ran.out)
    assert (values["fit"]["lr"], values["fit"]["augment"]["rotate"], values["name"]) == (3e-4, 180, "demo")
    assert json.loads(edgewbc("recipe", "show", "demo", "--set", "fit.lr=3e-4", "--json").out) == values
    ran = edgewbc("recipe", "show", "demo", "--set", "fit.lrr=1")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "did you mean fit.lr?" in ran.err


def test_check_and_new(edgewbc: Run, tmp_path: Path) -> None:
    """A new recipe passes the check; it is not overwritten; a wrong one is refused with its line."""
    mine = tmp_path / "mine.yaml"
    assert edgewbc("recipe", "new", "--to", mine).code == 0
    ran = edgewbc("recipe", "check", mine, "quarter", "qat")
    assert ran.code == 0
    assert [line.rpartition("edgewbc ")[2] for line in ran.out.splitlines()] == ["train", "prune", "quantize --qat"]
    assert edgewbc("recipe", "new", "--to", mine).code == 2
    copied = tmp_path / "copy.yaml"
    assert edgewbc("recipe", "new", "--to", copied, "--from", "demo").code == 0
    copied.write_text(copied.read_text() + "  epocs: 3\n")
    ran = edgewbc("recipe", "check", copied)
    assert ran.code == 2
    assert "did you mean fit.epochs?" in ran.err
    assert "line " in ran.err


@pytest.mark.parametrize("kind", ["train", "prune"])
def test_schema(edgewbc: Run, kind: str) -> None:
    """The schema is JSON."""
    assert "properties" in json.loads(edgewbc("recipe", "schema", "--kind", kind).out)
