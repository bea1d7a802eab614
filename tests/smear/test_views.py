"""Further views of a cell: which there are, what they show, and how they are written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgewbc.pixels import Image, PixelSpec, Reference
from edgewbc.smear.prepare import Preparer
from edgewbc.smear.views import Views
from edgewbc.synth.cells import draw_cell

REFERENCE = Reference(60.0, (235.0, 230.0, 240.0), (1.0, 1.6, 0.5))
SPEC = PixelSpec(32, 32, crop="cell", size=150, reference=REFERENCE)


def cell() -> Image:
    return draw_cell("neutrophil", np.random.default_rng(3), size=240)


def test_a_network_that_locates_cells_looks_at_six_views() -> None:
    """A crop that is not `cell` has one view, and an input that is not square is turned by half turns alone."""
    assert Views.of(PixelSpec(32, 32)) is None
    square, wide = Views.of(SPEC), Views.of(PixelSpec(32, 48, crop="cell", size=150, reference=REFERENCE))
    assert square is not None
    assert (square.turns, len(square)) == (4, 6)
    assert wide is not None
    assert (wide.turns, len(wide)) == (2, 4)


@pytest.mark.parametrize(("turns", "quarter_turns"), [(4, (1, 2, 3)), (2, (2,)), (1, ())])
def test_turned_views_show_the_same_pixels(turns: int, quarter_turns: tuple[int, ...]) -> None:
    """They are the crop itself, turned; `one` and `cells` give the same."""
    (found,) = Preparer(SPEC, views=Views(turns, ())).cells(cell())
    assert len(found.others) == len(quarter_turns)
    for turn, other in zip(quarter_turns, found.others, strict=True):
        np.testing.assert_array_equal(other, np.rot90(found.image, turn))
    again = Preparer(SPEC, views=Views(turns, ())).one(cell())
    assert [other.tobytes() for other in again.others] == [other.tobytes() for other in found.others]


def test_scaled_views_are_cut_out_of_the_image() -> None:
    """Twice the side around the same point shows the cell at half its size; the scale 1 is the crop itself."""
    (found,) = Preparer(SPEC, views=Views(1, (1.0, 2.0))).cells(cell())
    same, wider = found.others
    np.testing.assert_array_equal(same, found.image)
    middle = found.image.reshape(16, 2, 16, 2, 3).mean((1, 3))
    assert np.abs(wider[8:24, 8:24].astype(float) - middle).mean() < 6


def test_without_views_there_are_none() -> None:
    """Neither with another crop, nor where they were not asked for."""
    assert Preparer(SPEC).cells(cell())[0].others == ()
    assert Preparer(PixelSpec(32, 32), views=Views()).cells(cell())[0].others == ()


def test_json_and_back() -> None:
    assert Views.from_json(Views(2, (0.5, 1.5)).to_json()) == Views(2, (0.5, 1.5))


@pytest.mark.parametrize(
    "values",
    [{}, [], {"turns": 4}, {"turns": 3, "scales": []}, {"turns": True, "scales": []}, {"turns": 4, "scales": ["1"]},
     {"turns": 4, "scales": [0.1]}, {"turns": 4, "scales": [float("nan")]}, {"turns": 4, "scales": [1.0] * 9}],
)  # fmt: skip
def test_anything_else_is_refused(values: Any) -> None:
    with pytest.raises(ValueError, match="views"):
        Views.from_json(values)
