"""Reasons: their kinds are found again in the text that tables and journals keep."""

from __future__ import annotations

import pytest

from edgewbc import reasons
from edgewbc.reasons import CUT_OFF, NO_CELL, Reason, ReasonKind

TEXTS = {
    "probability 0.410 is below 0.500": ReasonKind.THRESHOLD,
    "every basophil is for review": ReasonKind.THRESHOLD,
    "unlike the training cells: distance 9.10 is above 4.20": ReasonKind.UNFAMILIAR,
    "unlike the training images: noise 12.5 (usual 0.8 to 4.1)": ReasonKind.UNUSUAL,
    "not of the training images' microscope: background": ReasonKind.MICROSCOPE,
    "unlike this microscope's images: stain of the nucleus, size of the nucleus": ReasonKind.MICROSCOPE,
    "unknown microscope: learned from 12 white cells in 12 images": ReasonKind.UNKNOWN_MICROSCOPE,
    "cut off by the edge of the image": ReasonKind.CUT_OFF,
    "no white cell located": ReasonKind.NO_CELL,
    "grayscale: the stain's colors are missing": ReasonKind.IMAGE,
    "damaged: Premature end of JPEG file": ReasonKind.IMAGE,
}
"""Texts as journals hold them, which must be read for good."""


@pytest.mark.parametrize(("text", "kind"), TEXTS.items())
def test_the_kind_of_a_stored_text(text: str, kind: ReasonKind) -> None:
    """Texts of earlier versions keep their kinds."""
    assert reasons.read(text) == (Reason(kind, text),)


def test_a_line_of_several_reasons_is_read_back() -> None:
    """In their order; an empty line has none."""
    several = (NO_CELL, CUT_OFF, Reason(ReasonKind.IMAGE, "damaged: x"), Reason(ReasonKind.THRESHOLD, "every a is"))
    assert reasons.write(several) == "no white cell located; cut off by the edge of the image; damaged: x; every a is"
    assert reasons.read(reasons.write(several)) == several
    assert reasons.read("") == ()
    assert reasons.write([]) == ""


def test_what_follows_a_separator_within_a_text_is_of_the_image() -> None:
    """The line holds no more than the texts."""
    line = "image of 9 x 9 pixels; trained on about 360 x 363: only its center is seen; every neutrophil is for review"
    assert [each.kind for each in reasons.read(line)] == ["image", "image", "threshold"]


def test_a_text_of_another_kind_is_refused() -> None:
    """It would be taken for another reason once it is read back."""
    with pytest.raises(ValueError, match="'it is dark' does not begin as a reason of the kind threshold does"):
        Reason(ReasonKind.THRESHOLD, "it is dark")
    with pytest.raises(ValueError, match="kind image"):
        Reason(ReasonKind.IMAGE, "every image")
    assert str(Reason(ReasonKind.ERROR, "every byte is 0")) == "every byte is 0"


def test_every_kind_can_be_told() -> None:
    """A kind is an error, has texts of its own, or is the rest; no text begins like one of another kind."""
    assert set(reasons.BEGINNINGS) == set(ReasonKind) - {ReasonKind.IMAGE, ReasonKind.ERROR}
    starts = [start for each in reasons.BEGINNINGS.values() for start in each]
    assert not [one for one in starts for other in starts if one is not other and one.startswith(other)]
