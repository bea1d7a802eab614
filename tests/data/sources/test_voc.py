"""The source voc: an XML file of boxes per image."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.data.sources import make
from tests.data.conftest import Put, voc
from tests.data.sources.box_files import SIZE, write


@pytest.mark.parametrize("beside", [True, False])
def test_voc(put: Put, image_folder: Path, beside: bool) -> None:
    """Annotations are beside the images or in Annotations; the lists of ImageSets are the sides."""
    for number, name in enumerate(("a", "b", "c", "d")):
        put(f"JPEGImages/{name}.png", seed=number, size=SIZE)
        place = "JPEGImages" if beside else "Annotations"
        write(image_folder / place / f"{name}.xml", voc([("Seg", 1, 2, 11, 12), ("Ly", 0, 0, 5, 6)]))
    for side, name in (("train", "a"), ("val", "b"), ("test", "c")):
        write(image_folder / "ImageSets" / "Main" / f"{side}.txt", f"{name}\n")
    made = make("voc", image_folder)
    assert [(e.path, e.label, e.box, e.split) for e in made.entries][:3] == [
        ("JPEGImages/a.png", "Ly", (0, 0, 5, 6), "train"),
        ("JPEGImages/a.png", "Seg", (1, 2, 10, 10), "train"),
        ("JPEGImages/b.png", "Ly", (0, 0, 5, 6), "val"),
    ]
    assert made.provenance.left_out == {"image in no list of ImageSets": 1}
