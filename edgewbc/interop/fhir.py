"""A report as FHIR R4: a Bundle with a DiagnosticReport and an Observation per result.

Nothing is known of the patient, so there is no subject: the receiver adds it by the accession number.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from edgewbc.interop.report import Coding, Observation, Report

SUFFIX = ".fhir.json"
_TERMS = "http://terminology.hl7.org/CodeSystem"
_SPACE = uuid.UUID("0a2b7b58-9e53-5c8a-9f0e-3f7d3b6f4a11")
"""Namespace of the UUIDs, which are derived from the report: the same report has the same identifiers."""
_MANTISSA = 15
"""Digits that a JSON number keeps wherever it is read."""


def bundle(report: Report, made: str) -> dict[str, Any]:
    """Return the Bundle as JSON values.

    Args:
        report: to hand over.
        made: time of the Bundle, UTC, ISO 8601.
    """
    observations = [_observation(report, each, index) for index, each in enumerate(report.observations, 1)]
    results = [{"reference": entry["fullUrl"], "display": entry["resource"]["code"]["text"]} for entry in observations]
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:edgewbc:report", "value": report.identity()},
        "type": "collection",
        "timestamp": made,
        "entry": [_entry(report, "report", _diagnostic_report(report, results)), *observations],
    }


def encoded(report: Report, made: str) -> bytes:
    """Return the Bundle as indented JSON in UTF-8."""
    return (json.dumps(bundle(report, made), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _diagnostic_report(report: Report, results: list[dict[str, str]]) -> dict[str, Any]:
    identifiers = [{"type": _concept("FILL", "v2-0203"), "system": "urn:edgewbc:case", "value": report.number}]
    if report.accession:
        identifiers.append({"type": _concept("ACSN", "v2-0203"), "value": report.accession})
    return {
        "resourceType": "DiagnosticReport",
        "identifier": identifiers,
        "status": str(report.stage),
        "category": [_concept("HM", "v2-0074")],
        "code": _code(report.panel),
        "effectiveDateTime": report.counted_at,
        **({"issued": report.signed_at} if report.signed_at else {}),
        **({"resultsInterpreter": [{"display": report.signed_by}]} if report.signed_by else {}),
        "result": results,
        "conclusion": "\n".join(report.notes),
    }


def _observation(report: Report, each: Observation, index: int) -> dict[str, Any]:
    resource = {
        "resourceType": "Observation",
        "status": str(report.stage),
        "category": [_concept("laboratory", "observation-category")],
        "code": _code(each.coding),
        "effectiveDateTime": report.counted_at,
        **({"issued": report.signed_at} if report.signed_at else {}),
        **({"performer": [{"display": report.signed_by}]} if report.signed_by else {}),
        "valueQuantity": {
            "value": _number(each.value),
            "unit": each.unit.name,
            "system": "http://unitsofmeasure.org",
            "code": each.unit.code,
        },
        **({"note": [{"text": each.note}]} if each.note else {}),
        "method": {"text": report.method},
        "device": {"display": report.software},
    }
    return _entry(report, f"observation {index}", resource)


def _entry(report: Report, part: str, resource: dict[str, Any]) -> dict[str, Any]:
    name = str(uuid.uuid5(_SPACE, report.identity(part)))
    return {"fullUrl": f"urn:uuid:{name}", "resource": resource}


def _number(text: str) -> int | float:
    """Return a decimal number for JSON; whole numbers without a point."""
    if len(text.replace(".", "").lstrip("-0")) > _MANTISSA:
        raise ValueError(f"{text} has more digits than a JSON number keeps")
    return float(text) if "." in text else int(text)


def _code(coding: Coding) -> dict[str, Any]:
    local = {"system": coding.uri} if coding.uri else {"system": "urn:edgewbc:local"}
    return {"coding": [{**local, "code": coding.code, "display": coding.name}], "text": coding.name}


def _concept(code: str, system: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{_TERMS}/{system}", "code": code}]}
