"""peerbench.preparation: the preparation of a peer, done once."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from peerbench import crops
from peerbench.catalog import Variant, peers
from peerbench.environment import Environment
from peerbench.preparation import PreparationSettings, fingerprint, prepare

from edgewbc.pixels import PixelSpec
from edgewbc.utils.files import sha256
from tests import labeled, tiny
from tests.peers.conftest import make_peer

HERE = Environment(Path(sys.executable))


@pytest.fixture
def settings(tmp_path: Path) -> PreparationSettings:
    """Settings with ten cropped images."""
    manifest = labeled.make_manifest(tmp_path / "m")
    cropped = crops.crop_images(manifest, PixelSpec(8, 8), tmp_path / "images", None)
    index = sha256(cropped.folder / crops.INDEX)
    return PreparationSettings(cropped.folder, index, "test", manifest.classes, tmp_path / "bundle", 1.0, 1, 4, 0)


def variant(home: Path) -> Variant:
    """The fake peer at 64 pixels."""
    (peer,) = peers(home)
    return Variant("fake-64", peer, "fake 64", imgsz=64)


def test_finished_preparation_is_not_repeated(home: Path, tmp_path: Path, settings: PreparationSettings) -> None:
    """A second call returns the same result; other minutes or another script prepare anew."""
    work, calls = tmp_path / "prepared" / "fake-64", tmp_path / "calls"
    first = prepare(variant(home), settings, HERE, work)
    assert first["inputs"]["shape"] == [10, 4]
    assert (first["minutes"], first["facts"], first["classes"][-1]) == (1.5, {"seen": 10}, "neutrophil")
    assert prepare(variant(home), settings, HERE, work) == first
    assert calls.read_text() == "x"
    moved = replace(settings, bundle=tmp_path / "elsewhere")  # paths do not matter
    assert prepare(variant(home), moved, HERE, work) == first
    prepare(variant(home), replace(settings, minutes=2.0), HERE, work)
    assert calls.read_text() == "xx"
    (home / "fake" / "measure.py").write_text((home / "fake" / "measure.py").read_text() + "# changed\n")
    prepare(variant(home), replace(settings, minutes=2.0), HERE, work)
    assert calls.read_text() == "xxx"


def test_work_folder_can_be_moved(home: Path, tmp_path: Path, settings: PreparationSettings) -> None:
    """Nothing is prepared again, and the paths are those of the moved files."""
    first = prepare(variant(home), settings, HERE, tmp_path / "work" / "prepared" / "fake-64")
    (tmp_path / "work").rename(tmp_path / "moved")
    found = prepare(variant(home), settings, HERE, tmp_path / "moved" / "prepared" / "fake-64")
    assert (tmp_path / "moved" / "calls").read_text() == "x"
    assert Path(found["inputs"]["file"]).is_file()
    assert found["inputs"]["shape"] == first["inputs"]["shape"]


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("raise peer.UnsupportedError('no time for this')", "no time for this"),
        ("raise ValueError('first\\nsecond')", "ValueError: first"),
        ("import os; os._exit(7)", "its preparation exited with code 7: no output"),
    ],
)
def test_failure_has_a_reason_and_is_not_kept(
    tmp_path: Path, settings: PreparationSettings, before: str, why: str
) -> None:
    """An unsupported job, an exception and a crash give one line, and no record is kept."""
    make_peer(tmp_path / "peers" / "fake", before=before)
    work = tmp_path / "prepared" / "fake-64"
    assert prepare(variant(tmp_path / "peers"), settings, HERE, work) == {"error": why}
    assert not (work / "prepared.json").exists()


def test_missing_environment_is_the_reason(home: Path, tmp_path: Path, settings: PreparationSettings) -> None:
    """The error of the environment is the error of the preparation."""
    where = Environment(Path("none"), error="pip failed")
    assert prepare(variant(home), settings, where, tmp_path / "prepared" / "f") == {"error": "pip failed"}
    assert not (tmp_path / "prepared").exists()
    missing = Environment(tmp_path / "no-python")
    assert "its preparation failed" in prepare(variant(home), settings, missing, tmp_path / "prepared" / "f")["error"]


def test_fingerprint_of_a_bundle(tmp_path: Path) -> None:
    """Another network has another fingerprint; a copy has the same."""
    for name, seed in (("a", 0), ("c", 1)):
        tiny.make_bundle(tmp_path / name, seed=seed)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert fingerprint(tmp_path / "a") == fingerprint(tmp_path / "b") != fingerprint(tmp_path / "c")
