"""Flags of a differential: values outside of the reference ranges."""

from __future__ import annotations

from edgewbc.lab.case_differential import CaseDifferential, Erythroblasts, lines
from edgewbc.lab.case_flags import flags
from edgewbc.lab.case_ranges import Range, Ranges

RANGES = Ranges("an example", {"neutrophil": Range((40, 75), (1.8, 7.7)), "monocyte": Range((3, 8))})


def test_flags_tell_whether_the_limits_reach_into_the_range() -> None:
    found = CaseDifferential(lines(["neutrophil", "monocyte", "blast"], [180, 18, 2]), 200, Erythroblasts(0, 0.0, None))
    assert flags(found, RANGES) == [
        "Blasts were seen: 2 of 200 white cells.",
        "Neutrophil: 90 %, above the range 40 to 75 %.",
        "Monocyte: 9 %, above the range 3 to 8 %; within its 95 % limits it could be inside.",
    ]
