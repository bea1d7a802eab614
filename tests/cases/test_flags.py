"""Flags of a differential: values outside of the reference ranges."""

from __future__ import annotations

from edgewbc.cases.differential import CaseDifferential, Erythroblasts, Line, lines
from edgewbc.cases.flags import flags, is_outside
from edgewbc.cases.ranges import Range, Ranges

RANGES = Ranges("an example", {"neutrophil": Range((40, 75), (1.8, 7.7)), "monocyte": Range((3, 8))})


def test_flags_tell_whether_the_limits_reach_into_the_range() -> None:
    found = CaseDifferential(lines(["neutrophil", "monocyte", "blast"], [180, 18, 2]), 200, Erythroblasts(0, 0.0, None))
    assert flags(found, RANGES) == [
        "Blasts were seen: 2 of 200 white cells.",
        "Neutrophil: 90 %, above the range 40 to 75 %.",
        "Monocyte: 9 %, above the range 3 to 8 %; within its 95 % limits it could be inside.",
    ]


def test_what_is_compared_is_what_is_printed() -> None:
    """The whole percentage of the table and the rounded absolute count, so that no flag contradicts the table."""
    found = CaseDifferential(
        lines(["neutrophil", "monocyte", "eosinophil", "basophil", "uncertain"], [12, 1, 3, 1, 1]),
        18,
        Erythroblasts(0, 0.0, None),
    )
    assert [line.percent for line in found.lines] == [67, 6, 17, 5, 5]
    ranges = Ranges("", {"monocyte": Range((0, 5)), "basophil": Range((0, 5)), "uncertain": Range((6, 9))})
    assert flags(found, ranges)[2:] == [
        "Monocyte: 6 %, above the range 0 to 5 %; within its 95 % limits it could be inside.",
        "Unclassified: 5 %, below the range 6 to 9 %; within its 95 % limits it could be inside.",
    ]
    assert is_outside(Line("neutrophil", 1, absolute=7.7049), Range(absolute=(1.8, 7.7))) is False
    assert is_outside(Line("neutrophil", 1, absolute=7.7051), Range(absolute=(1.8, 7.7))) is True
    assert is_outside(Line("neutrophil", 0), Range((40, 75))) is False
