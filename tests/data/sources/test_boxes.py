"""What the sources with annotated boxes share: a cell for each box."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from edgewbc.data.sources.boxes import Annotated, LabeledBox, cells, image_size
from edgewbc.errors import UserError
from edgewbc.images.encode import encode
from tests.lab import samples
from tests.tiny import make_image


def test_a_cell_for_each_box(tmp_path: Path) -> None:
    """The side is the annotation's, else that of the path; the group is what the pattern finds, else the image."""
    images = [
        Annotated("train/p1_a.png", (LabeledBox("Mono", (1, 2, 3, 4)), LabeledBox("Lymph", (0, 0, 2, 2)))),
        Annotated("train/p2_a.png", (LabeledBox("Mono", (1, 1, 2, 2)),), side="test"),
        Annotated("train/p3_a.png", ()),
    ]
    found = cells(tmp_path, images, Counter(), r"(p\d)_")
    assert [(each.path, each.label, each.group, each.split, each.box) for each in found.cells] == [
        ("train/p1_a.png", "mono", "p1", "train", (1, 2, 3, 4)),
        ("train/p1_a.png", "lymph", "p1", "train", (0, 0, 2, 2)),
        ("train/p2_a.png", "mono", "p2", "test", (1, 1, 2, 2)),
    ]
    assert found.left_out == {"image without boxes": 1}
    assert cells(tmp_path, images[:1], Counter()).cells[0].group == ""


@pytest.mark.parametrize(
    ("boxes", "problem"),
    [
        ((LabeledBox(" ", (0, 0, 1, 1)),), "a.png: a box has no label"),
        ((LabeledBox("mono", (0, 0, 0, 1)),), "a box of class 'mono' has no area: correct it"),
        ((), "no boxes with a class were found"),
    ],
)
def test_boxes_that_cannot_be_used(boxes: tuple[LabeledBox, ...], problem: str, tmp_path: Path) -> None:
    """The message names the image."""
    with pytest.raises(UserError, match=problem):
        cells(tmp_path, [Annotated("a.png", boxes)], Counter())


def test_the_size_is_that_of_the_upright_image(tmp_path: Path) -> None:
    """Boxes are drawn on the image as it is shown: width and height change places for a camera held upright."""
    data = encode(make_image(0, 24, 40), ".jpg")
    for orientation, size in ((1, (40, 24)), (6, (24, 40))):
        (tmp_path / "a.jpg").write_bytes(samples.jpeg_with_exif(data, orientation))
        assert image_size(tmp_path / "a.jpg") == size
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match="a.jpg: not an image.*: remove it and its boxes"):
        image_size(tmp_path / "a.jpg")
    with pytest.raises(UserError, match="b.jpg: cannot be read"):
        image_size(tmp_path / "b.jpg")
