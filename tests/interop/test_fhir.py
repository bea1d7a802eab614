"""FHIR Bundles: the golden file, validation by fhir.resources, and references that lead somewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.interop.fhir import bundle, encoded
from edgewbc.interop.report import Stage
from tests.interop.reports import MADE, make_report, with_texts

GOLDEN = Path(__file__).parent / "golden"


def test_the_golden_bundle() -> None:
    assert encoded(make_report(), MADE) == (GOLDEN / "final.fhir.json").read_bytes()


@pytest.mark.parametrize("stage", Stage)
def test_a_valid_bundle(stage: Stage) -> None:
    report = replace(make_report(), stage=stage)
    if stage == Stage.PRELIMINARY:
        report = replace(report, signed_by="", signed_at="", signature="")
    found: Any = Bundle.model_validate(json.loads(encoded(report, MADE)))
    resources = {entry.fullUrl: entry.resource for entry in found.entry}
    first, *others = resources.values()
    assert (first.get_resource_type(), first.status) == ("DiagnosticReport", str(stage))
    assert first.subject is None
    assert [each.value for each in first.identifier] == ["S-17-v1", "A1234"]
    assert [resources[each.reference] for each in first.result] == others
    assert [str(each.valueQuantity.value) for each in others] == ["58", "31", "7", "3", "1", "4.18", "2.0"]
    assert {each.status for each in others} == {str(stage)}
    assert others[0].code.coding[0].code == "26511-6"
    assert others[0].valueQuantity.system == "http://unitsofmeasure.org"
    assert others[-1].valueQuantity.code == "/100{WBCs}"
    assert others[4].code.coding[0].system == "urn:edgewbc:local"


@settings(max_examples=20)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip))
def test_texts_stay_as_they_are(text: str) -> None:
    values = json.loads(encoded(with_texts(text), MADE))
    assert values["entry"][0]["resource"]["resultsInterpreter"] == [{"display": text}]
    assert values["entry"][1]["resource"]["note"] == [{"text": text}]


def test_the_same_report_has_the_same_identifiers_and_another_version_others() -> None:
    first, again = bundle(make_report(), MADE), bundle(make_report(), "2026-11-29T00:00:00Z")
    other = bundle(replace(make_report(), version=2), MADE)
    urls = [[entry["fullUrl"] for entry in each["entry"]] for each in (first, again, other)]
    assert urls[0] == urls[1]
    assert not set(urls[0]) & set(urls[2])
    assert len(set(urls[0])) == 8
