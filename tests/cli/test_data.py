"""Tests of `edgewbc data`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.data.manifest import Manifest
from tests.tiny import encode, picture

Run = Callable[..., Any]


@pytest.fixture
def cells(edgewbc: Run, tmp_path: Path) -> Path:
    """Synthetic cells, drawn by the command."""
    assert edgewbc("data", "synth", "--to", tmp_path / "c", "--cells", 10, "--size", 32, "--fields", 1).code == 0
    return tmp_path / "c"


def test_synth_is_a_manifest_at_once(edgewbc: Run, cells: Path) -> None:
    """The folder can be read as a manifest, and drawing it again changes nothing and says the same."""
    manifest = Manifest.read(cells)
    assert manifest.facts["source"] == "synthetic"
    ran = edgewbc("data", "synth", "--to", cells, "--cells", 10, "--size", 32, "--fields", 1, "--json")
    assert ran.code == 0
    told = json.loads(ran.out)
    assert told["manifest_sha256"] == manifest.sha256
    assert told["counts"]["test"]["basophil"] == 2
    assert (told["n"], told["groups"], told["protocol"], told["seed"]) == (50, 10, "grouped", 0)


def test_synth_refuses_what_is_in_the_way(edgewbc: Run, cells: Path) -> None:
    """Another drawing in the folder is exit code 2 and one line."""
    ran = edgewbc("data", "synth", "--to", cells, "--cells", 11)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "give another --to" in ran.err


def test_manifest_prints_counts_and_hash(edgewbc: Run, cells: Path, tmp_path: Path) -> None:
    """A table by split and class and the hash; another seed is another manifest."""
    ran = edgewbc("data", "manifest", "synthetic", cells, "--to", tmp_path / "m", "--seed", 3)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].split() == ["train", "val", "test", "all"]
    assert lines[1].split() == ["neutrophil", "7", "1", "2", "10"]
    assert lines[6].split() == ["all", "35", "5", "10", "50"]
    assert Manifest.read(tmp_path / "m").sha256 in ran.out
    assert Manifest.read(tmp_path / "m").sha256 != Manifest.read(cells).sha256


def test_manifest_options(edgewbc: Run, tmp_path: Path) -> None:
    """Classes with commas, a group pattern and a protocol reach the manifest."""
    for label in ("neutrophil", "monocyte"):
        for i in range(6):
            file = tmp_path / "p" / label / f"p{i // 2}_{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encode(picture(10 * len(label) + i)))
    options = ("--classes", "Monocyte, neutrophil", "--group-pattern", r"(p\d)_", "--protocol", "grouped", "--json")
    ran = edgewbc("data", "manifest", "folder", tmp_path / "p", "--to", tmp_path / "m", *options)
    assert ran.code == 0
    told = json.loads(ran.out)
    assert told["classes"] == ["neutrophil", "monocyte"]
    assert told["groups"] == 3
    ran = edgewbc("data", "manifest", "folder", tmp_path / "p", "--to", tmp_path / "n", "--classes", "monocyte")
    assert ran.code == 2
    assert "neutrophil" in ran.err
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize("source", ["folder", "pbc", "bccd", "jtsc", "synthetic", "wrong"])
def test_manifest_of_a_missing_folder(edgewbc: Run, tmp_path: Path, source: str) -> None:
    """Whatever the source, exit code 2, one line, nothing written."""
    ran = edgewbc("data", "manifest", source, tmp_path / "nowhere", "--to", tmp_path / "m")
    assert ran.code == 2
    assert ran.err.startswith("edgewbc: ")
    assert ran.err.count("\n") == 1
    assert ran.out == ""
    assert list(tmp_path.iterdir()) == []


def test_audit_of_a_clean_manifest(edgewbc: Run, cells: Path) -> None:
    """Exit code 0, as text and as JSON, named either way."""
    assert "no leak" in edgewbc("data", "audit", cells).out
    ran = edgewbc("data", "audit", "--data", cells, "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["thresholds"] == {"phash_bits": 12, "correlation": 0.9}
    assert edgewbc("data", "audit", cells, "--data", cells.parent).code == 2


def test_audit_exits_3_for_a_leak(edgewbc: Run, tmp_path: Path) -> None:
    """Copies across a random split are printed, as text or as JSON, before the gate closes."""
    (tmp_path / "p/monocyte").mkdir(parents=True)
    for i in range(10):
        (tmp_path / f"p/monocyte/{i}.png").write_bytes(encode(picture(i // 10)))
    made = edgewbc("data", "manifest", "folder", tmp_path / "p", "--to", tmp_path / "m", "--protocol", "poster")
    assert made.code == 0
    ran = edgewbc("data", "audit", tmp_path / "m")
    assert ran.code == 3
    assert "LEAKS" in ran.out
    assert "leak (protocol poster)" in ran.err
    ran = edgewbc("data", "audit", tmp_path / "m", "--json", "--no-near")
    assert ran.code == 3
    assert json.loads(ran.out)["counts"]["exact_leaks"] == 1


def test_audit_exits_2_for_a_changed_picture(edgewbc: Run, cells: Path) -> None:
    """A picture that is not the manifest's is reported, then refused."""
    (cells / "cells/monocyte/slide00_00000.png").write_bytes(b"")
    ran = edgewbc("data", "audit", cells, "--no-near")
    assert ran.code == 2
    assert "changed: cells/monocyte/slide00_00000.png" in ran.out


@pytest.mark.parametrize("command", ["synth", "manifest", "audit"])
def test_help_has_an_example(edgewbc: Run, command: str) -> None:
    """Each command's help ends its words with an example on a line of its own."""
    ran = edgewbc("data", command, "--help")
    assert ran.code == 0
    assert f"\n    edgewbc data {command} " in ran.out
