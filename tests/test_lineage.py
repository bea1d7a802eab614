"""How a network was made: entries that other parts read, and the hash over all of them."""

from __future__ import annotations

import pytest

from edgewbc.lineage import Kept, Lineage

TRAIN = {
    "run": "a",
    "step": "train",
    "manifest_sha256": "m1",
    "source": "pbc",
    "recipe": {"net": {"weights": "imagenet"}},
}
PRUNE = {
    "step": "prune",
    "manifest_sha256": "m2",
    "model_sha256": "w",
    "kept": {"macs": 0.25, "parameters": 0.5},
    "validation": {"epoch": 3},
    "teachers": [{"run": "t", "sha256": "s"}],
    "files": {"model.json": "f"},
    "ancestors": [TRAIN],
}


def test_entries_that_are_read() -> None:
    """The steps from first to last, and what pruning kept."""
    lineage = Lineage(PRUNE)
    assert (lineage.step, lineage.model_sha256, lineage.manifest_sha256) == ("prune", "w", "m2")
    assert [each.step for each in lineage.steps] == ["train", "prune"]
    assert (lineage.first.run, lineage.first.manifest_sha256) == ("a", "m1")
    assert lineage.first.recipe == {"net": {"weights": "imagenet"}}
    assert lineage.kept == Kept(0.25, 0.5)
    assert lineage.validation == {"epoch": 3}
    assert lineage.files == {"model.json": "f"}
    assert lineage.to_json() == PRUNE


def test_nothing_recorded() -> None:
    """A folder without a lineage has no steps, and everything was kept."""
    lineage = Lineage()
    assert (lineage.step, lineage.steps, lineage.ancestors, lineage.first) == (None, (), (), lineage)
    assert (lineage.kept, lineage.files, lineage.recipe) == (Kept(1.0, 1.0), {}, {})
    assert lineage.intact


def test_values_at_any_depth() -> None:
    """Of the step itself first, then of recipes, teachers and ancestors."""
    assert list(Lineage(PRUNE).everywhere("manifest_sha256")) == ["m2", "m1"]
    assert list(Lineage(PRUNE).everywhere("weights")) == ["imagenet"]
    assert list(Lineage(PRUNE).everywhere("nothing")) == []


@pytest.mark.parametrize("change", [{"step": "train"}, {"kept": None}, {"more": 1}])
def test_a_changed_entry_is_noticed(change: dict[str, object]) -> None:
    """The hash covers every other entry, in any order of the keys."""
    sealed = {**PRUNE, "sha256": Lineage(PRUNE).digest}
    assert Lineage(sealed).intact
    assert Lineage(dict(reversed(sealed.items()))).intact
    assert not Lineage({**sealed, **change}).intact


def test_hashes_stay_with_the_folder() -> None:
    """What a bundle or a descendant repeats has none."""
    kept = Lineage({**PRUNE, "sha256": "x"}).without_hashes()
    assert kept.to_json() == {name: value for name, value in PRUNE.items() if name != "files"}
