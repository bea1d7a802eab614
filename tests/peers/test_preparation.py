"""peerbench.preparation: what a peer needs, done once."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from peerbench import drawing
from peerbench.catalogue import Variant, peers
from peerbench.environment import Environment
from peerbench.preparation import Order, fingerprint, prepare

from edgewbc.pixels import PixelSpec
from edgewbc.utils.files import sha256
from tests import labelled, tiny
from tests.peers.conftest import make_peer

HERE = Environment(Path(sys.executable))


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """Ten drawn pictures, to be prepared for."""
    manifest = labelled.make_manifest(tmp_path / "m")
    drawn = drawing.draw(manifest, PixelSpec(8, 8), tmp_path / "pictures", None)
    index = sha256(drawn.folder / drawing.INDEX)
    return Order(drawn.folder, index, "test", manifest.classes, tmp_path / "bundle", 1.0, 1, 4, 0)


def variant(home: Path) -> Variant:
    (peer,) = peers(home)
    return Variant("fake-64", peer, "fake 64", imgsz=64)


def test_finished_preparation_is_not_repeated(home: Path, tmp_path: Path, order: Order) -> None:
    """The second call reads the first one's answer; other minutes, other pictures or another script begin anew."""
    work, calls = tmp_path / "prepared" / "fake-64", tmp_path / "calls"
    told = prepare(variant(home), order, HERE, work)
    assert told["inputs"]["shape"] == [10, 4]
    assert (told["minutes"], told["facts"], told["classes"][-1]) == (1.5, {"seen": 10}, "neutrophil")
    assert prepare(variant(home), order, HERE, work) == told
    assert calls.read_text() == "x"
    moved = replace(order, bundle=tmp_path / "elsewhere")  # where something lies changes nothing
    assert prepare(variant(home), moved, HERE, work) == told
    prepare(variant(home), replace(order, minutes=2.0), HERE, work)
    assert calls.read_text() == "xx"
    (home / "fake" / "measure.py").write_text((home / "fake" / "measure.py").read_text() + "# changed\n")
    prepare(variant(home), replace(order, minutes=2.0), HERE, work)
    assert calls.read_text() == "xxx"


def test_a_moved_work_folder_is_no_loss(home: Path, tmp_path: Path, order: Order) -> None:
    """Nothing is prepared again, and files are named where they are now."""
    told = prepare(variant(home), order, HERE, tmp_path / "work" / "prepared" / "fake-64")
    (tmp_path / "work").rename(tmp_path / "moved")
    found = prepare(variant(home), order, HERE, tmp_path / "moved" / "prepared" / "fake-64")
    assert (tmp_path / "moved" / "calls").read_text() == "x"
    assert Path(found["inputs"]["file"]).is_file()
    assert found["inputs"]["shape"] == told["inputs"]["shape"]


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("raise peer.Refused('no time for this')", "no time for this"),
        ("raise ValueError('first\\nsecond')", "ValueError: first"),
        ("import os; os._exit(7)", "its preparation ended with 7: no output"),
    ],
)
def test_a_failure_is_a_reason_and_is_not_kept(tmp_path: Path, order: Order, before: str, why: str) -> None:
    """Refused, raised or dead: one line; and no answer stays behind."""
    make_peer(tmp_path / "peers" / "fake", before=before)
    work = tmp_path / "prepared" / "fake-64"
    assert prepare(variant(tmp_path / "peers"), order, HERE, work) == {"error": why}
    assert not (work / "prepared.json").exists()


def test_without_an_environment_nothing_is_tried(home: Path, tmp_path: Path, order: Order) -> None:
    """The environment's reason is the preparation's."""
    where = Environment(Path("none"), error="pip said no")
    assert prepare(variant(home), order, where, tmp_path / "prepared" / "f") == {"error": "pip said no"}
    assert not (tmp_path / "prepared").exists()
    gone = Environment(tmp_path / "no-python")
    assert "its preparation failed" in prepare(variant(home), order, gone, tmp_path / "prepared" / "f")["error"]


def test_a_bundle_is_named_by_its_checksums(tmp_path: Path) -> None:
    """Another network, another name; the same one elsewhere, the same."""
    for name, seed in (("a", 0), ("c", 1)):
        tiny.make_bundle(tmp_path / name, seed=seed)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert fingerprint(tmp_path / "a") == fingerprint(tmp_path / "b") != fingerprint(tmp_path / "c")
