"""A labeled image as labeling programs exchange it."""

from __future__ import annotations

from edgewbc.interop.labels import LabeledImage


def test_the_stem_is_that_of_the_file() -> None:
    """Without folders and without the last suffix."""
    assert LabeledImage("cells/a.b/0001.x.png").stem == "0001.x"
