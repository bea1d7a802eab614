"""What a command takes when it is not told."""

import os

import pytest

from edgewbc import runs
from edgewbc.cli import defaults
from edgewbc.errors import UserError
from tests.colored import make_manifest


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_newest_manifest_is_taken_and_named(here, capsys):
    """Of two manifests, one and two folders down, the newer one is read, and stderr says which."""
    old, new = make_manifest(here / "a", 2, seed=1), make_manifest(here / "b", 2, seed=2)
    old.write(here / "first")
    new.write(here / "manifests" / "second")
    os.utime(here / "first" / "manifest.csv", (1000, 1000))
    assert defaults.manifest(None).sha256 == new.sha256
    assert "second (the newest manifest here)" in capsys.readouterr().err


def test_without_a_manifest_one_line_says_what_to_do():
    """Nothing here: an error with both commands that mend it, or None where a command can do without."""
    with pytest.raises(UserError, match=r"edgewbc data manifest folder .*edgewbc data synth"):
        defaults.manifest(None)
    assert defaults.manifest_or_none(None) is None


def test_a_named_manifest_is_never_replaced(here):
    """A manifest that is named and missing is an error, not a reason to draw synthetic cells."""
    with pytest.raises(UserError, match="absent"):
        defaults.manifest_or_synthetic(here / "absent")
    assert list(here.iterdir()) == []


def test_synthetic_cells_where_there_is_nothing(monkeypatch, capsys):
    """With no manifest at all cells are drawn, which is said, and the next command finds their manifest."""
    monkeypatch.setattr(defaults, "SYNTHETIC_CELLS", 12)
    drawn = defaults.manifest_or_synthetic(None)
    assert len(drawn.entries) == 60
    assert "their accuracy means nothing" in capsys.readouterr().err
    assert defaults.manifest_or_synthetic(None).sha256 == drawn.sha256


def test_recipes_by_name_and_by_file(here):
    """A shipped recipe goes by its name, even beside a folder of that name; an unknown one lists what there is."""
    (here / "demo").mkdir()
    assert defaults.recipe("demo").name == "demo.yaml"
    assert defaults.recipe("mine.yaml").as_posix() == "mine.yaml"
    with pytest.raises(UserError, match=r"nothing: no such recipe; .*vgg16gap-112"):
        defaults.recipe("nothing")


def test_the_newest_finished_run(here, capsys):
    """The newest run is taken and named; a folder that is none is refused."""
    run = here / "runs" / "one"
    run.mkdir(parents=True)
    (run / "model.safetensors").write_bytes(b"x")
    (run / "model.json").write_text("{}")
    runs.write_lineage(run, "train")
    assert defaults.run(None).name == "one"
    assert "(the newest)" in capsys.readouterr().err
    with pytest.raises(UserError, match="not a run folder"):
        defaults.run(here)
