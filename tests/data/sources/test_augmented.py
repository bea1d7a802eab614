"""Tests of `edgewbc.data.sources.augmented`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from edgewbc.data.augmented_set import ORIGINALS, write
from edgewbc.data.sources import make
from edgewbc.errors import UserError
from edgewbc.evaluation.evaluate import reference
from tests.data.conftest import Put, write_csv


@pytest.fixture
def enlarged(put: Put, image_folder: Path, tmp_path: Path) -> Path:
    """60 images augmented from six originals of one class and five of another."""
    for label, number in (("monocyte", 6), ("neutrophil", 5)):
        for i in range(number):
            put(f"{label}/{label[:2]}{i}.png", seed=10 * len(label) + i)
    write(make("folder", image_folder, protocol="external"), tmp_path / "e", 60, height=12, width=16)
    return tmp_path / "e"


def test_grouped_keeps_originals_together(enlarged: Path) -> None:
    """The group is the original; with grouped it is in one split, with poster most groups are in several."""
    by_protocol = {}
    for protocol in ("grouped", "poster"):
        manifest = make("augmented", enlarged, protocol=protocol)
        sides: dict[str, set[str]] = defaultdict(set)
        for entry in manifest.entries:
            sides[entry.group].add(entry.split)
            assert Path(entry.path).stem.startswith(Path(entry.group).stem)
        assert len(sides) == 11
        assert len(manifest.split("test")) == {"grouped": 11, "poster": 12}[protocol]
        by_protocol[protocol] = [len(found) for found in sides.values()]
    assert set(by_protocol["grouped"]) == {1}
    assert sum(number > 1 for number in by_protocol["poster"]) >= 8


def test_facts_come_from_the_originals(enlarged: Path, drawn: Path, tmp_path: Path) -> None:
    """Citation and license are those of the originals; a set made from synthetic cells stays synthetic."""
    assert make("augmented", enlarged).provenance.source == "augmented"
    few = make("synthetic", drawn)
    few = replace(few, entries=tuple(entry for entry in few.entries if int(entry.group[-1]) < 3))
    write(few, tmp_path / "s", 15, height=12, width=16)
    made = make("augmented", tmp_path / "s")
    assert made.provenance.source == "synthetic"
    assert "no real cells" in made.provenance.citation
    assert reference(1.0, made).met is None


def test_classes_on_request(enlarged: Path) -> None:
    """Classes that are not selected are counted; a class that the set does not have is refused."""
    manifest = make("augmented", enlarged, classes=["monocyte"])
    assert manifest.classes == ("monocyte",)
    assert manifest.provenance.left_out == {"class neutrophil not selected": 30}
    with pytest.raises(UserError, match=r"originals\.csv: no image of class 'basophil'"):
        make("augmented", enlarged, classes=["basophil"])


def test_augmented_errors(enlarged: Path, slides: Path) -> None:
    """Another kind of folder, a missing image and a path outside the folder are errors that name the file."""
    with pytest.raises(UserError, match="edgewbc data augment"):
        make("augmented", slides)
    gone = next(enlarged.rglob("mo3_*.jpg"))
    gone.unlink()
    with pytest.raises(UserError, match=rf"{gone.name}: cannot be read"):
        make("augmented", enlarged)
    write_csv(enlarged / ORIGINALS, ["path,label,group", "../x.jpg,monocyte,x"])
    with pytest.raises(UserError, match=r"\.\./x\.jpg is outside"):
        make("augmented", enlarged)
