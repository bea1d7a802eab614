"""The differential: what is counted, and the interval of each share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewbc.cells import CLASSES, OTHER_CLASSES
from edgewbc.lab.differential import Differential
from edgewbc.lab.results import ResultRow, Status
from edgewbc.lab.verdict import Usual, Verdict


def test_only_ok_rows_are_counted() -> None:
    """Shares are of rows with status ok; review and errors are counted separately."""
    count = Differential(("neutrophil", "lymphocyte", "monocyte"))
    for label, status in [("neutrophil", "ok")] * 6 + [("lymphocyte", "ok")] * 4 + [("monocyte", "review")] * 2:
        count.add(ResultRow("p", label, 0.9, {}, Status(status)))
    count.add(ResultRow("p", "", None, status=Status.ERROR, reason="r"))
    told = count.to_json()
    assert [told[name] for name in ("pictures", "counted", "review", "errors")] == [13, 10, 2, 1]
    assert [told["classes"][name]["n"] for name in count.classes] == [6, 4, 0]
    assert [told["classes"][name]["percent"] for name in count.classes] == [60.0, 40.0, 0.0]
    # Wilson interval of 6 in 10, from statsmodels: 0.3127, 0.8318
    assert told["classes"]["neutrophil"]["interval"] == pytest.approx([31.27, 83.18], abs=0.01)
    assert told["classes"]["monocyte"]["interval"] == pytest.approx([0, 27.75], abs=0.01)


def test_a_percentage_is_rounded_once() -> None:
    """14 of 51 are 27.451 %: 27.5 with one decimal, though 27.45 would be 27.4."""
    count = Differential(("neutrophil", "lymphocyte"))
    for label in ["neutrophil"] * 14 + ["lymphocyte"] * 37:
        count.add(ResultRow("p", label, 0.9, {}, Status.OK))
    assert count.to_json()["classes"]["neutrophil"]["percent"] == 27.451
    assert count.table().splitlines()[1].split()[:3] == ["neutrophil", "14", "27.5"]


def test_nothing_counted_has_no_shares() -> None:
    """Without a row with status ok there is no percentage and no division by zero."""
    told = Differential(("neutrophil",)).to_json()
    assert told["classes"] == {
        "neutrophil": {
            "n": 0,
            "percent": None,
            "interval": None,
            "n_with_review": 0,
            "percent_with_review": None,
        }
    }


def test_rows_pass_through_and_the_first_error_is_kept() -> None:
    """Counting yields the rows unchanged, and keeps the first one that could not be read."""
    rows = [
        ResultRow("a", "neutrophil", 0.9),
        ResultRow("b", "", None, status=Status.ERROR, reason="empty file"),
        ResultRow("c", "", None, status=Status.ERROR, reason="no such file"),
    ]
    count = Differential(("neutrophil",))
    assert count.first_error is None
    assert list(count.counting(rows)) == rows
    assert count.first_error == rows[1]
    assert count.total == 3


def test_cells_to_review_are_shown_beside_the_counted() -> None:
    """A class whose cells are for review more often shrinks among the counted: both shares are given."""
    count = Differential(("neutrophil", "basophil"))
    for label, status, n in (("neutrophil", "ok", 8), ("basophil", "review", 2), ("neutrophil", "unfamiliar", 3)):
        for _ in range(n):
            count.add(ResultRow("p", label, 0.9, {}, Status(status)))
    told = count.to_json()["classes"]
    assert [(share["n"], share["percent"]) for share in told.values()] == [(8, 100.0), (0, 0.0)]
    assert [(share["n_with_review"], share["percent_with_review"]) for share in told.values()] == [(8, 80.0), (2, 20.0)]
    assert count.table().splitlines()[2].split() == ["basophil", "0", "0.0", "%", "0.0-32.4", "%", "2", "20.0", "%"]


def test_unfamiliar_cells_are_listed_apart() -> None:
    """They are in no share, with review or without; how the network would call them is a line of its own."""
    count = Differential(("neutrophil", "monocyte"))
    for label, status, n in (("neutrophil", "ok", 8), ("monocyte", "unfamiliar", 7), ("neutrophil", "unfamiliar", 1)):
        for _ in range(n):
            count.add(ResultRow("p", label, 0.99, {}, Status(status), "unlike the training cells"))
    told = count.to_json()
    assert (told["counted"], told["review"], told["unfamiliar"]) == (8, 0, 8)
    assert told["unfamiliar_labels"] == {"neutrophil": 1, "monocyte": 7}
    assert [(share["n"], share["n_with_review"]) for share in told["classes"].values()] == [(8, 8), (0, 0)]
    assert count.table().splitlines()[-2:] == [
        "8 counted, 0 to review, 8 unfamiliar, 0 could not be read",
        "unfamiliar, not counted (unlike the training cells; the network would call them): 1 as neutrophil, "
        "7 as monocyte",
    ]


EIGHT = (*CLASSES, *OTHER_CLASSES)


def _counted(numbers: dict[str, int], review: dict[str, int] | None = None) -> Differential:
    """Return the differential of eight classes, of so many rows by label."""
    count = Differential(EIGHT)
    for status, rows in ((Status.OK, numbers), (Status.REVIEW, review or {})):
        for label, n in rows.items():
            for _ in range(n):
                count.add(ResultRow("p", label, 0.9, {}, status))
    return count


def test_erythroblasts_and_platelets_are_not_among_the_white_cells() -> None:
    """Immature granulocytes are in the denominator; erythroblasts are per 100 white cells; platelets are left out."""
    count = _counted(
        {"neutrophil": 90, "immature granulocyte": 10, "erythroblast": 8, "platelet": 50},
        {"lymphocyte": 25, "erythroblast": 2, "platelet": 3},
    )
    told = count.to_json()
    assert (told["pictures"], told["counted"], told["review"]) == (188, 100, 30)
    assert list(told["classes"]) == [*CLASSES, "immature granulocyte"]
    assert [told["classes"][name]["percent"] for name in ("neutrophil", "immature granulocyte")] == [90.0, 10.0]
    assert told["classes"]["lymphocyte"]["percent_with_review"] == 20.0
    # Wilson interval of 8 in 108, from scipy: 0.038010, 0.139397; as odds 3.951 and 16.198 per 100
    assert told["erythroblasts"] == {
        "n": 8,
        "n_with_review": 10,
        "per_100_white_cells": 8.0,
        "interval": [pytest.approx(3.951, abs=1e-3), pytest.approx(16.198, abs=1e-3)],
        "per_100_white_cells_with_review": 8.0,
    }
    assert told["platelets"] == {"n": 50, "n_with_review": 53}
    lines = count.table().splitlines()
    assert lines[1].split()[:4] == ["neutrophil", "90", "90.0", "%"]
    assert lines[-3:] == [
        "erythroblasts, not among the white cells: 8 (10 with review): 8.0 per 100 white cells (95 % interval "
        "4.0-16.2)",
        "platelets, left out: 50 (53 with review)",
        "100 white cells counted, 30 to review, 0 could not be read",
    ]


def test_no_white_cells_have_no_rate_of_erythroblasts() -> None:
    """Without white cells there is no rate and no division by zero; more erythroblasts than white cells are allowed."""
    told = _counted({"erythroblast": 3, "platelet": 1}).to_json()
    assert told["counted"] == 0
    assert told["erythroblasts"] == {
        "n": 3,
        "n_with_review": 3,
        "per_100_white_cells": None,
        "interval": None,
        "per_100_white_cells_with_review": None,
    }
    assert _counted({"erythroblast": 3, "monocyte": 2}).to_json()["erythroblasts"]["per_100_white_cells"] == 150.0
    assert "not among the white cells: 3 (3 with review)\n" in _counted({"erythroblast": 3}).table()


def test_five_classes_are_told_as_ever() -> None:
    """A bundle without these classes has neither key, and its cells are simply counted."""
    count = Differential(CLASSES)
    count.add(ResultRow("p", "basophil", 0.9))
    assert not {"erythroblasts", "platelets"} & set(count.to_json())
    assert count.table().splitlines()[-1] == "1 counted, 0 to review, 0 could not be read"


def test_no_rate_of_images_that_are_unlike_training() -> None:
    """Where no percentages are given, there are no erythroblasts per 100 white cells either."""
    count = Differential(EIGHT, verdict=Verdict(Usual(0.5, 0.01)))
    for label in ["erythroblast", "neutrophil"] * 10:
        count.add(ResultRow("p", label, 0.4, {}, Status.OK))
    told = count.to_json()["erythroblasts"]
    assert (told["n"], told["per_100_white_cells"], told["interval"]) == (10, None, None)
    assert "per 100" not in count.table()


def _image(path: str, sha256: str, status: Status = Status.OK) -> ResultRow:
    return ResultRow(path, "neutrophil", 0.9, {}, status, image_sha256=sha256 * 32)


def test_copies_with_odd_names_are_one_line() -> None:
    """A name may hold line ends and codes of the terminal."""
    count = Differential(("neutrophil",))
    for row in [_image("a\nb", "01"), _image("\x1b[31mc", "01")]:
        count.add(row)
    assert count.table().splitlines()[-1].endswith(r"such as \x1b[31mc and a\nb")


def test_copies_of_an_image_are_told() -> None:
    """Four images of the same bytes are counted four times, and one line says so; unreadable files are not copies."""
    count = Differential(("neutrophil",))
    for row in [_image("a", "01"), _image("b", "02"), _image("c", "01"), _image("d", "01"), _image("e", "01")]:
        count.add(row)
    assert count.table().splitlines()[-1] == (
        "3 images are copies of others (same SHA-256): counted 4 times, such as c and a"
    )
    assert count.to_json()["copies"] == {
        "images": 3,
        "originals": 1,
        "counted": 4,
        "examples": [{"path": name, "same_as": "a"} for name in "cde"],
    }
    for row in (_image("f", "02"), _image("g", "03", Status.REVIEW), _image("h", "03", Status.REVIEW)):
        count.add(row)
    assert "5 images are copies of others (same SHA-256): counted 6 times for 3 images" in count.table()
    errors = Differential(("neutrophil",))
    for name in "ab":
        errors.add(ResultRow(name, "", None, status=Status.ERROR, image_sha256="01" * 32))
    assert "copies" not in errors.to_json()


def test_the_cells_of_one_image_are_no_copies() -> None:
    """Several cells of one file, and one file read twice, are not copies; the same field under another name is one."""
    count = Differential(("neutrophil",))
    for path in ("a", "a", "b"):
        for cell in (1, 2):
            count.add(replace(_image(path, "01"), cell=cell))
    assert count.copies.images == 1


def test_first_and_last_time_are_kept() -> None:
    """Rows may come in any order."""
    count = Differential(("neutrophil",))
    for at in ("2026-11-28T10:00:00Z", "2026-11-27T23:59:59Z", "", "2026-11-28T09:00:00Z"):
        count.add(replace(_image("a", "01"), classified_at=at))
    assert (count.first_at, count.last_at) == ("2026-11-27T23:59:59Z", "2026-11-28T10:00:00Z")
