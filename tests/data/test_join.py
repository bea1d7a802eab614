"""Several manifests as one: each cell keeps its split, and each microscope has its own profile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewbc.data import images, prepare
from edgewbc.data.join import join
from edgewbc.data.manifest import Manifest, Protocol, Split
from edgewbc.data.sources import make
from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec
from edgewbc.smear.prepare import Preparer
from edgewbc.synth.cells import write


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, Manifest]:
    """Two sets of drawn cells, the second at half the magnification, in folders beside each other."""
    folder = tmp_path_factory.mktemp("drawn")
    write(folder / "a", cells=3)
    write(folder / "b", cells=3, size=48, seed=1)
    first, second = make("synthetic", folder / "a"), make("synthetic", folder / "b")
    return first, replace(second, provenance=replace(second.provenance, source="other"))


def test_each_cell_keeps_its_split(parts: tuple[Manifest, Manifest], tmp_path: Path) -> None:
    """Paths are relative to the common folder; groups and microscopes carry the name of the source."""
    joined = join(parts)
    assert joined.protocol == Protocol.JOINED
    assert len(joined.entries) == sum(len(part.entries) for part in parts)
    assert [e.split for e in joined.entries] == [e.split for part in parts for e in part.entries]
    assert {e.microscope for e in joined.entries} == {"synthetic", "other"}
    assert joined.entries[0].path == f"a/{parts[0].entries[0].path}"
    assert joined.entries[-1].group == f"other/{parts[1].entries[-1].group}"
    assert joined.read_bytes(joined.entries[-1]) == parts[1].read_bytes(parts[1].entries[-1])
    joined.write(tmp_path / "m")
    read = Manifest.read(tmp_path / "m")
    assert read.entries == joined.entries
    assert read.sha256 == joined.sha256


def test_names_that_differ_in_case_are_one_class(parts: tuple[Manifest, Manifest]) -> None:
    """The first manifest names it."""
    first, second = (
        replace(
            part,
            classes=tuple(change(name) for name in part.classes),
            entries=tuple(replace(entry, label=change(entry.label)) for entry in part.entries),
        )
        for part, change in zip(parts, (str.title, str.upper), strict=True)
    )
    joined = join([first, second])
    assert sorted(joined.classes) == sorted(first.classes)
    assert {entry.label for entry in joined.entries} == {*first.classes}


def test_a_source_for_training_alone(parts: tuple[Manifest, Manifest]) -> None:
    """Its validation images are for training, its test images are left out: validation and test are the other's."""
    joined = join(parts, ["other"])
    others = [e for e in joined.entries if e.microscope == "other"]
    assert {e.split for e in others} == {Split.TRAIN}
    unused = [e for e in parts[1].entries if e.split == Split.TEST]
    assert len(others) == len(parts[1].entries) - len(unused)
    assert joined.provenance.left_out == {"test image of other": len(unused)}
    assert [e.sha256 for e in joined.split("test")] == [e.sha256 for e in parts[0].split("test")]


def test_each_microscope_has_its_profile(parts: tuple[Manifest, Manifest]) -> None:
    """A cell is prepared as by its own manifest; the first manifest's profile is the reference."""
    joined = join(parts)
    reference = prepare.profile(parts[0]).reference
    assert prepare.profile(joined).reference == reference
    spec = PixelSpec(24, 24, crop="cell", size=80, reference=reference)
    prepared = prepare.preparer(joined, spec)
    for place, part in ((0, parts[0]), (-1, parts[1])):
        entry = joined.entries[place]
        image = images.read(joined, entry)
        expected = Preparer(spec, prepare.profile(part))(image)
        np.testing.assert_array_equal(prepared(image, entry), expected)


def test_microscopes_are_numbered_by_name(parts: tuple[Manifest, Manifest]) -> None:
    """What the batches are balanced by."""
    found = images.microscopes(join(parts).entries)
    count = len(parts[0].entries)
    assert found[:count].tolist() == [1] * count
    assert found[count:].tolist() == [0] * len(parts[1].entries)


def test_what_cannot_be_joined(parts: tuple[Manifest, Manifest]) -> None:
    """One manifest, the same image twice, an unknown source."""
    with pytest.raises(UserError, match="two or more"):
        join(parts[:1])
    with pytest.raises(UserError, match="the same image as .* of another manifest: leave one of them out"):
        join([parts[0], parts[0]])
    with pytest.raises(UserError, match="train only 'third': the manifests are synthetic, other"):
        join(parts, ["third"])
