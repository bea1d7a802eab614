"""`edgewbc adapt`: what it prints, writes and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.lab import adapt
from tests.conftest import Ran
from tests.lab.tinted import write_cells

Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cells(tmp_path_factory.mktemp("cells"), {"neutrophil": 5, "monocyte": 5, "basophil": 5})


def test_a_new_bundle_and_what_it_gains(edgewbc: Run, bundle: Bundle, cells: Path, tmp_path: Path) -> None:
    ran = edgewbc("adapt", bundle.path, "--cells", cells, "--to", tmp_path / "ours", "--threads", 1)
    assert ran.code == 0, ran.err
    assert "labeled: 5 neutrophil, 5 monocyte, 5 basophil" in ran.out
    assert "without labels, as before: lymphocyte, eosinophil" in ran.out
    assert "McNemar" in ran.out
    assert "OpenVINO files only" in ran.err
    assert edgewbc("selftest", tmp_path / "ours").code == 0


def test_nothing_is_written_without_a_gain(edgewbc: Run, bundle: Bundle, tmp_path: Path) -> None:
    folder = write_cells(tmp_path / "cells", {"neutrophil": 1, "monocyte": 1})
    arguments = ("adapt", bundle.path, "--cells", folder, "--to", tmp_path / "ours", "--threads", 1, "--json")
    ran = edgewbc(*arguments)
    assert ran.code == 3
    assert "kept tiny, nothing was written: no cell could be held out" in ran.err
    assert json.loads(ran.out)["kept"] is True
    assert not (tmp_path / "ours").exists()
    forced = edgewbc(*arguments, "--force")
    assert forced.code == 0
    assert json.loads(forced.out)["bundle"] == str(tmp_path / "ours")


def test_draws(edgewbc: Run, bundle: Bundle, cells: Path, tmp_path: Path) -> None:
    arguments = ("adapt", bundle.path, "--cells", cells, "--shots", "1,3", "--repeats", 2, "--threads", 1)
    ran = edgewbc(*arguments)
    assert ran.code == 0, ran.err
    assert len(ran.out.splitlines()) == 4
    assert "mean recall over neutrophil, monocyte, basophil" in ran.err
    values = json.loads(edgewbc(*arguments, "--json").out)
    assert [row["shots"] for row in values["rows"]] == [1, 3]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name labeled cells with --cells"),
        (("--shots", "5"), "name labeled cells with --cells"),
        (("--cells", "absent"), "absent: no such folder or table"),
    ],
)
def test_wrong_arguments(edgewbc: Run, bundle: Bundle, arguments: tuple[str, ...], message: str) -> None:
    ran = edgewbc("adapt", bundle.path, *arguments)
    assert ran.code == 2
    assert message in ran.err


def test_shots_must_be_numbers(edgewbc: Run, bundle: Bundle, cells: Path) -> None:
    ran = edgewbc("adapt", bundle.path, "--cells", cells, "--shots", "few")
    assert ran.code == 2
    assert "such as 2,5,10" in ran.err


def test_a_profile_is_learned_only_where_the_bundle_uses_one(bundle: Bundle, cells: Path) -> None:
    assert adapt.learn_profile(bundle, sorted(cells.rglob("*.png"))) is None
