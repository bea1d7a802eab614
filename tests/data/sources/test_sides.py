"""Names that data sets give to the sides of a split."""

from __future__ import annotations

import pytest

from edgewbc.data.manifest import Protocol
from edgewbc.data.sources import sides
from edgewbc.data.sources.scan import Cell
from edgewbc.errors import UserError


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("Train", "train"), ("TRAINING", "train"), ("valid", "val"), ("val2017", "val"), ("dev", "val"),
        ("test_set", "test"), ("Test-A", "test"), ("TEST_SIMPLE", "test"), ("holdout", "test"), ("eval", "test"),
        ("testosterone", None), ("monocyte", None), ("retrain", None),
    ],
)  # fmt: skip
def test_names_of_folders(name: str, side: str | None) -> None:
    """Usual names in any case, with a number, letter or word behind them; not every name that begins alike."""
    assert sides.of_name(name) == side


def test_the_first_folder_that_names_a_side_counts() -> None:
    """The name of the image itself does not."""
    assert sides.of_path("data/train/test/a.png") == "train"
    assert sides.of_path("cells/test.png") is None


def cells(*names: str | None) -> list[Cell]:
    """Return a cell of each side."""
    return [Cell(f"{number}.png", "monocyte", split=side) for number, side in enumerate(names)]


def test_the_protocol_follows_from_the_sides() -> None:
    """Three sides are published, two official; none leave the split to be drawn; anything else is an error."""
    assert sides.default_protocol(cells("train", "val", "test"), "x") == Protocol.PUBLISHED
    assert sides.default_protocol(cells("train", "test"), "x") == Protocol.OFFICIAL
    assert sides.default_protocol(cells(None, None), "x") == Protocol.GROUPED
    for held, found in ((("train", None), "no side, train"), (("train", "val"), "train, val")):
        with pytest.raises(UserError, match=f"^x: found the sides {found}, but"):
            sides.default_protocol(cells(*held), "x")


def test_a_chosen_protocol_needs_its_sides() -> None:
    """`official` takes validation from train, so it cannot keep a val of its own."""
    sides.check(cells("train", "test"), Protocol.OFFICIAL, "x")
    sides.check(cells(None), Protocol.GROUPED, "x")
    with pytest.raises(UserError, match="protocol official needs folders train and test"):
        sides.check(cells("train", None), Protocol.OFFICIAL, "x")
    with pytest.raises(UserError, match="has a val of its own: use --protocol published"):
        sides.check(cells("train", "val", "test"), Protocol.OFFICIAL, "x")


def test_class_folders_below_sides_need_a_choice() -> None:
    """The message names the protocol that would keep the sides."""
    sides.require_choice(cells(None), "x")
    with pytest.raises(UserError, match="keep it with --protocol official"):
        sides.require_choice(cells("train", "test"), "x")
    with pytest.raises(UserError, match="keep it with --protocol published"):
        sides.require_choice(cells("train", "val"), "x")
