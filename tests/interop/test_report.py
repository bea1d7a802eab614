"""A report: file names and identities."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewbc.interop.report import Coding, Report, Stage

REPORT = Report(
    case="S-17",
    accession="A-1",
    version=2,
    stage=Stage.CORRECTED,
    counted_at="2026-11-28T08:00:00Z",
    signed_by="Ada",
    signed_at="2026-11-28T09:00:00Z",
    signature="ab" * 32,
    panel=Coding("69738-3", "Differential"),
    observations=(),
    counted=100,
    notes=(),
    software="edgewbc 1",
)


@pytest.mark.parametrize(
    ("case", "stem"), [("S-17", "S-17-v2"), ("../etc", None), ("a b", None), ("-x", None), ("", None), ("\udcff", None)]
)
def test_file_names_are_portable(case: str, stem: str | None) -> None:
    """A case id that cannot be part of a file name is replaced, with a hash that keeps two of them apart."""
    found = replace(REPORT, case=case).file_stem
    if stem is not None:
        assert found == stem
    else:
        assert found.endswith("-v2")
        assert found.isascii()
        assert not set(found) & set("/\\ :")
        assert not found.startswith((".", "-"))
        assert found != replace(REPORT, case=f"{case}_").file_stem


def test_a_draft_has_a_name_of_its_own() -> None:
    """It cannot replace the signed report."""
    assert replace(REPORT, stage=Stage.PRELIMINARY).file_stem == "S-17-v2-draft"
    assert REPORT.number == "S-17-v2"


def test_the_identity_depends_on_what_is_reported() -> None:
    """The same for the same report; another for another case, version, stage, signature or destination."""
    assert REPORT.identity() == replace(REPORT, notes=("a note",)).identity()
    others = [
        replace(REPORT, case="S-18"), replace(REPORT, version=3), replace(REPORT, stage=Stage.FINAL),
        replace(REPORT, signature="cd" * 32),
    ]  # fmt: skip
    assert len({each.identity() for each in others} | {REPORT.identity(), REPORT.identity("hl7")}) == 6
