"""The verdict on a run: when its images do not look like those of training, and what is said then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from edgewbc.bundle.manifest import BundleManifest
from edgewbc.lab.differential import Differential
from edgewbc.lab.results import ResultRow, Status
from edgewbc.lab.verdict import UNKNOWN, Usual, Verdict
from edgewbc.pixels import PixelSpec
from edgewbc.reasons import CUT_OFF, NO_CELL


def row(probability: float | None = 0.99, status: Status = Status.OK, reason: str = "") -> ResultRow:
    """A row for a neutrophil."""
    return ResultRow("a.png", "neutrophil", probability, {"neutrophil": 1.0}, status, reason)


def counted(images: int, doubtful: int, usual: float = 0.05) -> Verdict:
    """A verdict on that many images, some of them in doubt."""
    verdict = Verdict(Usual(0.9, usual))
    for number in range(images):
        verdict.add(row(status=Status.REVIEW, reason="grayscale") if number < doubtful else row())
    return verdict


@pytest.mark.parametrize(
    ("images", "doubtful", "usual", "unlike"),
    [
        (0, 0, 0.05, False),
        (9, 9, 0.05, False),  # too few to tell
        (10, 10, 0.05, True),
        (10, 3, 0.05, False),  # Wilson: from 10.8 %, and 15 % is three times the usual share
        (10, 5, 0.05, True),  # from 23.7 %
        (1000, 150, 0.05, False),
        (1000, 200, 0.05, True),  # from 17.6 %
        (1000, 110, 0.01, False),  # from 9.2 %: less than a tenth
        (1000, 130, 0.01, True),  # from 11.1 %
        (364, 363, 0.05, True),
        (1000, 1000, 0.4, False),  # three times 40 % is more than all
    ],
)
def test_far_more_review_than_in_validation_is_unlike(images: int, doubtful: int, usual: float, unlike: bool) -> None:
    """Significantly more than three times the usual share, and more than a tenth, of at least ten images."""
    verdict = counted(images, doubtful, usual)
    assert verdict.unlike is unlike
    assert bool(verdict.sentence) is unlike
    assert verdict.to_json()["doubtful"] == doubtful


def test_a_threshold_of_the_user_changes_nothing() -> None:
    """Images count as doubtful by the bundle's own threshold, whatever the run's threshold makes of them."""
    verdict = Verdict(Usual(0.9, 0.05))
    verdict.add(row(0.95, Status.REVIEW, "probability 0.950 is below 0.990"))
    verdict.add(row(0.95, Status.REVIEW, "every neutrophil is for review"))
    assert verdict.doubtful == 0
    verdict.add(row(0.5))
    verdict.add(row(0.95, Status.UNFAMILIAR, "far"))
    verdict.add(row(0.95, Status.REVIEW, "damaged: x; probability 0.950 is below 0.990"))
    verdict.add(row(None, Status.ERROR, "empty file"))
    assert (verdict.images, verdict.doubtful, verdict.unfamiliar) == (5, 3, 1)


def manifest(**values: Any) -> BundleManifest:
    """What the verdict reads of a manifest."""
    return BundleManifest(
        "tiny",
        ("neutrophil",),
        PixelSpec(8, 8),
        {},
        "int8",
        review_below=values.pop("review_below", 0.9),
        training_images=values.pop("training", None),
        familiarity=values.pop("familiarity", None),
        values=values,
    )


def test_the_usual_share_is_read_from_the_manifest() -> None:
    """Review in validation, unusual images and false alarms; a default where it was not measured."""
    review = {"n": 1000, "accepted": 950, "wrong": 2}
    assert Usual.of(manifest(review=review)).share == pytest.approx(0.05)
    assert Usual.of(manifest(review=review, training=SimpleNamespace(unusual=0.01))).share == pytest.approx(0.06)
    familiarity = SimpleNamespace(false_alarms=0.01)
    assert Usual.of(manifest(review=review, familiarity=familiarity)).share == pytest.approx(0.06)
    assert Usual.of(manifest(review=None)).share == UNKNOWN
    assert Usual.of(manifest(review={"n": 0, "accepted": 0})).share == UNKNOWN
    assert Usual.of(manifest(review=[])).share == UNKNOWN
    assert Usual.of(manifest(review_below=1.01)).share == 1.0  # every cell is for review: that tells nothing
    assert Usual.of(manifest(review_below=None)).review_below == 0.5


def test_no_percentages_are_given_for_unlike_images() -> None:
    """Neither in JSON nor in the table; the numbers of cells stay."""
    count = Differential(("neutrophil", "basophil"), verdict=Verdict(Usual(0.9, 0.05)))
    for number in range(364):
        count.add(row() if number == 0 else row(0.4, Status.REVIEW, "probability 0.400 is below 0.900"))
    values = count.to_json()
    assert values["verdict"]["unlike_training_images"] is True
    assert values["classes"]["neutrophil"]["n"] == 1
    assert values["classes"]["neutrophil"]["percent"] is None
    assert values["classes"]["neutrophil"]["interval"] is None
    assert "%" not in count.table()
    assert "363 of 364 need review. No differential is given." in count.table()


def test_cells_at_the_edge_and_images_without_a_cell() -> None:
    """Neither is doubtful: fields have such cells on every microscope. Where most images have none, it is said."""
    verdict = Verdict(Usual(0.9, 0.05))
    for number in range(12):
        verdict.add(row(status=Status.REVIEW, reason=CUT_OFF.text))
        verdict.add(row(None, Status.REVIEW, NO_CELL.text))
        if number < 11:
            verdict.add(row())
    assert (verdict.images, verdict.doubtful, verdict.empty, verdict.unlike) == (11, 0, 12, False)
    assert verdict.sentence.startswith("No white cell was located in 12 images")
    assert verdict.to_json()["no_white_cell"] == 12
    verdict.add(row())
    assert verdict.sentence == ""


def test_most_cells_cut_off() -> None:
    """Where they are more than two thirds, the others are no sample: it is said, and no shares are given."""
    verdict = Verdict(Usual(0.9, 0.05))
    for number in range(20):
        verdict.add(row() if number < 6 else row(status=Status.REVIEW, reason=CUT_OFF.text))
    assert (verdict.images, verdict.cut_off, verdict.doubted, verdict.unlike) == (6, 14, False, True)
    assert verdict.sentence == (
        "14 of 20 cells are cut off by the edge of their image: take images with more around each cell, without "
        "borders. No differential is given."
    )
    assert verdict.to_json()["cut_off"] == 14
    verdict.add(row())
    assert not verdict.unlike


def test_warnings_come_first_and_withhold_the_shares() -> None:
    """What is known before any image is classified holds, whatever the probabilities are."""
    verdict = Verdict(Usual(0.9, 0.05), warnings=("The light is off.",))
    for _ in range(20):
        verdict.add(row())
    assert verdict.unlike
    assert verdict.sentence == "The light is off. No differential is given."


def test_the_reason_that_most_images_share_is_given() -> None:
    """Such as 16 bits per channel: stain and camera are then not what to check first."""
    verdict = Verdict(Usual(0.9, 0.05))
    for number in range(20):
        more = "; probability 0.500 is below 0.900" if number % 2 else ""
        verdict.add(row(0.5 if more else 0.99, Status.REVIEW, f"16 bits per channel: scaled to 8{more}"))
    assert "20 of 20 need review; 20 of them for this reason: 16 bits per channel: scaled to 8." in verdict.sentence
    assert "for this reason" not in counted(20, 0).sentence
    few = Verdict(Usual(0.9, 0.05))
    for number in range(20):
        few.add(row(0.5, Status.REVIEW, "CMYK" if number < 10 else "probability 0.500 is below 0.900"))
    assert "20 of 20 need review." in few.sentence
