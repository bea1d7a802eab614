"""Reports for tests: of a differential of 100 cells, with and without wild texts."""

from __future__ import annotations

from dataclasses import replace

from edgewbc.interop.codes import Codes
from edgewbc.interop.report import PER_100, PER_VOLUME, PERCENT, RESEARCH, Observation, Report, Stage

MADE = "2026-11-28T10:05:00Z"
COUNTS = {"neutrophil": (58, 47, 68), "lymphocyte": (31, 22, 42), "monocyte": (7, 2, 14), "eosinophil": (3, 0, 9)}


def make_report() -> Report:
    """Return a signed report of percentages, an absolute count, and erythroblasts."""
    codes = Codes.read()
    shares = [
        Observation(label, codes.percent(label, label), str(n), PERCENT, n, str(low), str(high), f"{n} of 100 cells")
        for label, (n, low, high) in COUNTS.items()
    ]
    others = [
        Observation("other", codes.percent("other", "other white cell"), "1", PERCENT, 1, "0", "6", "1 of 100 cells"),
        Observation("neutrophil", codes.absolute("neutrophil", "neutrophil"), "4.18", PER_VOLUME, 58, "3.45", "4.87"),
        Observation("erythroblast", codes.ratio("erythroblast"), "2.0", PER_100, 2, "0.2", "7.0", "2 beside 100 cells"),
    ]
    return Report(
        case="S-17",
        accession="A1234",
        version=1,
        stage=Stage.FINAL,
        counted_at="2026-11-28T09:00:00Z",
        signed_by="M. Curie",
        signed_at="2026-11-28T09:40:00Z",
        signature="0f" * 32,
        panel=codes.panel,
        observations=(*shares, *others),
        counted=100,
        notes=("100 white cells on images.", RESEARCH),
        software="edgewbc 1.0",
    )


def with_texts(text: str) -> Report:
    """Return the report with a text wherever a person or a bundle can put one."""
    report = make_report()
    coding = replace(report.panel, name=text)
    shown = tuple(replace(each, label=text, coding=coding, note=text) for each in report.observations)
    return replace(report, case=text, accession=text, signed_by=text, notes=(text,), panel=coding, observations=shown)
