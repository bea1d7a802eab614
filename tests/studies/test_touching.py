"""bench.touching: images of two cells that touch, made of images of one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.touching import FOUND, SHAPES, STEPS, CutOut, compose, found, measure
from edgewbc.metrics import wilson
from edgewbc.pixels import Image
from edgewbc.smear.locate import LocatedCell
from edgewbc.synth.cells import draw_cell
from edgewbc.synth.smear import Slide


def image(label: str, seed: int) -> Image:
    """An image of one cell without red cells, with room around it."""
    slide = replace(Slide.draw(np.random.default_rng(0)), crowding=0.0)
    return draw_cell(label, np.random.default_rng(seed), 360, slide)


@pytest.fixture(scope="module")
def cut() -> CutOut:
    """A lymphocyte, cut out."""
    found = CutOut.of(image("lymphocyte", 0))
    assert found is not None
    return found


def test_a_cell_is_cut_out(cut: CutOut) -> None:
    """Its nucleus lies in it, and the rest of its image is nearly empty."""
    assert cut.nucleus.any()
    assert not (cut.nucleus & ~cut.cell).any()
    assert cut.cell.shape == cut.cover.shape == cut.density.shape[:2]
    assert float(np.percentile(np.abs(cut.rest), 99)) < 0.25
    turned = cut.turned(np.random.default_rng(3))
    assert turned.cell.sum() == cut.cell.sum()


def test_a_cell_that_something_touches_is_not_cut_out() -> None:
    """Nor is an image without a cell."""
    touched = image("lymphocyte", 0)
    cv2.circle(touched, (180, 285), 60, (226, 170, 176), -1)
    assert CutOut.of(touched) is None
    assert CutOut.of(np.full((100, 100, 3), 240, np.uint8)) is None


@pytest.mark.parametrize("kind", SHAPES)
def test_cells_come_closer_step_by_step(cut: CutOut, kind: str) -> None:
    """From apart to nuclei that overlap; images have their shape, and boxes lie inside."""
    distances = []
    for step in STEPS:
        made, boxes = compose(cut, cut, step, [cut.rest], np.random.default_rng(5), kind)
        assert made.shape == (*SHAPES[kind], 3)
        (left, top, *_), (other_left, other_top, *_) = boxes
        distances.append(float(np.hypot(left - other_left, top - other_top)))
    assert kind == "one cell" or distances == sorted(distances, reverse=True)


def test_how_two_cells_were_located() -> None:
    """As two, one that is for review, one, or something else; others in the image do not count."""
    boxes = [(0.0, 0.0, 20.0, 20.0), (20.0, 0.0, 20.0, 20.0)]
    one, other = (LocatedCell(box, 100.0, False) for box in boxes)
    both = LocatedCell((0.0, 0.0, 40.0, 20.0), 300.0, False)
    far = LocatedCell((90.0, 90.0, 20.0, 20.0), 100.0, False)
    cases = [one, other, far], [replace(both, maybe_two=True)], [both, far], [far]
    assert tuple(found(cells, boxes, 20.0) for cells in cases) == FOUND
    assert found([both], boxes, 10.0) == FOUND[1]


def test_what_is_measured() -> None:
    """Counts of each distance, and of all, with and without the usual nucleus."""
    images = {label: [image(label, seed) for seed in range(2)] for label in ("lymphocyte", "neutrophil")}
    measured = measure(images, repeats=1)
    for kind in SHAPES:
        assert len(measured[kind]) == 2 * (len(STEPS) + 1)
        whole = measured[kind]["with all"]
        assert whole["n"] == sum(whole[name] for name in FOUND) == len(STEPS)
        assert whole["one"] <= measured[kind]["without all"]["one"]
    with pytest.raises(ValueError, match="no cell can be cut out"):
        measure({"none": [np.full((50, 50, 3), 230, np.uint8)]})


def test_the_table_of_the_guide_is_the_committed_result() -> None:
    """Its three rows are sums over both kinds of images."""
    top = Path(__file__).parents[2]
    result = json.loads((top / "bench/results/locate.json").read_text())["touching"]
    guide = (top / "docs/guide-microscope.md").read_text()
    for steps in (STEPS[:4], STEPS[4:5], STEPS[5:]):
        total = {
            how: {
                name: sum(result[kind][f"{how} {step}"][name] for kind in SHAPES for step in steps)
                for name in ("n", *FOUND)
            }
            for how in ("with", "without")
        }
        counts, before = total["with"], total["without"]
        interval = wilson(counts["one"], counts["n"])
        assert interval is not None
        low, high = (100 * end for end in interval)
        share, earlier = (100 * each["one"] / each["n"] for each in (counts, before))
        row = f"| {counts['n']} | {counts['two']} | {counts['for review']} | "
        assert f"{row}{share:.1f} % ({low:.1f}-{high:.1f} %) | {earlier:.1f} % |" in guide
