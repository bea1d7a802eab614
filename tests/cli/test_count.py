"""The commands `edgewbc count` and `edgewbc compare-counts`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edgewbc.images.encode import encode
from tests.conftest import Ran
from tests.lab.tinted import write_cells
from tests.tiny import make_bundle


def test_a_slide_becomes_a_case(edgewbc: Callable[..., Ran], tmp_path: Path) -> None:
    """The result as JSON, then as a table; an image without a cell to decide on is not lost."""
    make_bundle(tmp_path / "b", review_below=0.0)
    images = tmp_path / "slide"
    images.mkdir()
    for number in range(3):
        (images / f"{number}.png").write_bytes(encode(np.full((16, 16, 3), 60 * number + 40, np.uint8), ".png"))
    options = (images, "--model", tmp_path / "b", "--threads", 1, "--case", "S-1", "--by", "Ada", "--wbc", 5.0)
    ran = edgewbc("count", *options, "--to", tmp_path / "case", "--json")
    assert ran.code == 0, ran.err
    made = json.loads(ran.out)
    assert (made["case"], made["state"]) == ("S-1", "unsigned")
    found = made["differential"]
    assert found["counted"] + found["open_cells"] == 3
    ran = edgewbc("count", *options, "--to", tmp_path / "case", "--zeros")
    assert ran.out.splitlines()[0].split()[:3] == ["type", "n", "percent"]
    assert f"sign with `edgewbc review {tmp_path / 'case'}`" in ran.err
    ran = edgewbc("count", *options, "--to", tmp_path / "other", "--cells", 50)
    assert "fewer than the 50 cells asked for: the images hold no more" in ran.err
    ran = edgewbc("count", *options, "--to", tmp_path / "open", "--cells", 3, "--review-below", 1.01, "--json")
    found = json.loads(ran.out)["differential"]
    assert (found["counted"], found["open_cells"]) == (0, 3)
    ran = edgewbc("count", *options, "--to", tmp_path / "open", "--cells", 3, "--review-below", 1.01)
    assert "fewer" not in ran.err  # cells that a person has yet to look at are among the 3


def test_a_wbc_is_above_zero(edgewbc: Callable[..., Ran], tmp_path: Path) -> None:
    """One line, and no folder."""
    make_bundle(tmp_path / "b")
    write_cells(tmp_path / "slide", {"neutrophil": 1})
    ran = edgewbc("count", tmp_path / "slide", "--model", tmp_path / "b", "--to", tmp_path / "case", "--wbc", 0)
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert "wbc" in ran.err
    assert not (tmp_path / "case").exists()
