"""A report as an HL7 v2.5.1 message: ORU^R01, unsolicited observation results.

One message has a patient of whom nothing is said (PID-3 is the case with the type ANON, PID-5 an empty pseudonym), one
order, and an OBX per result; segments end with a carriage return. The message is UTF-8. Texts are escaped: separators
as HL7 has it, and control characters as hexadecimal digits, so that no text can add a field or a segment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from edgewbc.interop.report import Coding, Report, Stage

SUFFIX = ".hl7"
STATUS = {Stage.PRELIMINARY: "P", Stage.FINAL: "F", Stage.CORRECTED: "C"}
"""OBX-11 and OBR-25."""

_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "&": "\\T\\"}
_UNSAFE = re.compile(r"[\\|^~&]|[\x00-\x1f\x7f]")
_LONGEST_CONTROL_ID = 20


class _Encoded(str):
    """A field that is encoded already."""


def escape(text: str) -> str:
    """Return a text as it stands in a field."""
    return _UNSAFE.sub(lambda found: _ESCAPES.get(found[0]) or f"\\X{ord(found[0]):02X}\\", text)


def message(report: Report, settings: Mapping[str, str], made: str) -> bytes:
    """Return the message.

    Args:
        report: to hand over, with an accession number.
        settings: of `Codes`, for the sender and the receiver.
        made: time of the message, UTC, ISO 8601.

    Raises:
        ValueError: the report has no accession number.
    """
    if not report.accession:
        raise ValueError("no accession number")
    status, number = STATUS[report.stage], [report.number, "edgewbc"]
    segments = [
        _header(report, settings, made),
        _segment("PID", {1: "1", 3: [report.case, "", "", "edgewbc", "ANON"], 5: ["", "", "", "", "", "", "S"]}),
        _segment("ORC", {1: "RE", 2: report.accession, 3: number}),
        _segment(
            "OBR",
            {
                1: "1",
                2: report.accession,
                3: number,
                4: _coded(report.panel),
                7: _time(report.counted_at),
                22: _time(report.signed_at or made),
                25: status,
                32: _Encoded(f"&{escape(report.signed_by)}") if report.signed_by else "",  # a name without an id
            },
        ),
        *_notes(report.notes),
    ]
    for index, each in enumerate(report.observations, 1):
        segments.append(
            _segment(
                "OBX",
                {
                    1: str(index),
                    2: "NM",
                    3: _coded(each.coding),
                    5: each.value,
                    6: [each.unit.code, each.unit.name, "UCUM"],
                    11: status,
                    14: _time(report.counted_at),
                    16: ["", report.signed_by] if report.signed_by else "",
                    17: ["IMAGE", report.method, "L"],
                    18: [report.software, "edgewbc"],
                },
            )
        )
        segments += _notes([each.note] if each.note else [])
    return "".join(f"{segment}\r" for segment in segments).encode()


def _header(report: Report, settings: Mapping[str, str], made: str) -> str:
    fields = [
        settings["hl7.sending_application"],
        settings["hl7.sending_facility"],
        settings["hl7.receiving_application"],
        settings["hl7.receiving_facility"],
        _time(made),
        "",
    ]
    shown = "|".join(escape(field) for field in fields)
    control = report.identity(made)[:_LONGEST_CONTROL_ID]
    processing = settings["hl7.processing"]
    return f"MSH|^~\\&|{shown}|ORU^R01^ORU_R01|{control}|{processing}|2.5.1|||NE|NE||UNICODE UTF-8"


def _segment(name: str, fields: Mapping[int, str | Sequence[str]]) -> str:
    """Return a segment of fields by their number; a field is a text, or a list of components."""
    last = max(fields)
    shown = (fields.get(number, "") for number in range(1, last + 1))
    return "|".join([name, *(_field(each) for each in shown)])


def _field(value: str | Sequence[str]) -> str:
    if isinstance(value, _Encoded):
        return value
    return escape(value) if isinstance(value, str) else "^".join(escape(part) for part in value)


def _notes(notes: Sequence[str]) -> list[str]:
    return [_segment("NTE", {1: str(index), 2: "L", 3: note}) for index, note in enumerate(notes, 1)]


def _coded(coding: Coding) -> list[str]:
    return [coding.code, coding.name, coding.system]


def _time(iso: str) -> str:
    """Return a UTC time such as 2026-11-28T09:00:00Z as HL7 writes it."""
    return re.sub(r"[-:T]", "", iso.removesuffix("Z")).partition(".")[0] + "+0000"
