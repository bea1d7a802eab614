"""Tests of `edgewbc.cli.defaults`: the inputs that commands choose."""

import os
from pathlib import Path

import pytest

from edgewbc import runs
from edgewbc.cli import defaults
from edgewbc.errors import UserError
from edgewbc.utils import resources
from tests.colored import make_manifest


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to an empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_newest_manifest_is_the_default(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two manifests, one and two levels down, the newer one is read and named on stderr."""
    old, new = make_manifest(here / "a", 2, seed=1), make_manifest(here / "b", 2, seed=2)
    old.write(here / "first")
    new.write(here / "manifests" / "second")
    os.utime(here / "first" / "manifest.csv", (1000, 1000))
    assert defaults.manifest(None).sha256 == new.sha256
    assert "second (the newest manifest here)" in capsys.readouterr().err


def test_missing_manifest_is_an_error_with_the_commands_that_create_one(capsys: pytest.CaptureFixture[str]) -> None:
    """`manifest_or_none` prints a note instead and returns None."""
    with pytest.raises(UserError, match=r"edgewbc data manifest folder .*edgewbc data synth"):
        defaults.manifest(None)
    assert defaults.manifest_or_none(None) is None
    assert "synthetic images are timed" in capsys.readouterr().err


def test_named_manifest_is_not_replaced_by_synthetic_cells(here: Path) -> None:
    """A manifest that was named and does not exist is an error."""
    with pytest.raises(UserError, match="absent"):
        defaults.manifest_or_synthetic(here / "absent")
    assert list(here.iterdir()) == []


def test_synthetic_cells_are_drawn_without_a_manifest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A note on stderr says so, and the next command uses the same manifest."""
    monkeypatch.setattr(defaults, "SYNTHETIC_CELLS", 12)
    drawn = defaults.manifest_or_synthetic(None)
    assert len(drawn.entries) == 60
    assert "their accuracy means nothing" in capsys.readouterr().err
    assert defaults.manifest_or_synthetic(None).sha256 == drawn.sha256


def test_recipe_by_name_or_path(here: Path) -> None:
    """A built-in recipe is found by name, even next to a folder of that name; an error lists all names."""
    (here / "demo").mkdir()
    assert defaults.recipe("demo").name == "demo.yaml"
    assert defaults.recipe("mine.yaml").as_posix() == "mine.yaml"
    with pytest.raises(UserError, match=r"nothing: no such recipe; .*vgg16gap-112"):
        defaults.recipe("nothing")


def test_newest_finished_run_is_the_default(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named on stderr; a folder that is not a run is refused."""
    run = here / "runs" / "one"
    run.mkdir(parents=True)
    (run / "model.safetensors").write_bytes(b"x")
    (run / "model.json").write_text("{}")
    runs.write_lineage(run, "train")
    assert defaults.run(None).name == "one"
    assert "(the newest)" in capsys.readouterr().err
    with pytest.raises(UserError, match="not a run folder"):
        defaults.run(here)


def test_released_bundles_have_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of that name comes first; other names are taken as paths."""
    monkeypatch.chdir(tmp_path)
    assert defaults.bundle(Path("wbc5-travel")) == resources.folder("export/bundles") / "wbc5-travel"
    assert defaults.bundle_to_measure(Path("wbc5-edge")) == resources.shipped_bundle()
    assert defaults.bundle(Path("mine/wbc5-edge")) == Path("mine/wbc5-edge")
    assert defaults.bundle(Path("other")) == Path("other")
    (tmp_path / "wbc5-travel").mkdir()
    assert defaults.bundle(Path("wbc5-travel")) == Path("wbc5-travel")
