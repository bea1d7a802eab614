"""HL7 messages: the golden file, two independent readers, the status of each stage, and texts that try to break out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import hl7
import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hypothesis import example, given
from hypothesis import strategies as st

from edgewbc.interop.codes import Codes
from edgewbc.interop.hl7 import escape, message
from edgewbc.interop.report import Stage
from tests.interop.reports import MADE, make_report, with_texts

SETTINGS = Codes.read().settings
GOLDEN = Path(__file__).parent / "golden"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def test_the_golden_message() -> None:
    assert message(make_report(), SETTINGS, MADE) == (GOLDEN / "final.hl7").read_bytes()


@pytest.mark.parametrize(
    ("stage", "version", "status"), [(Stage.PRELIMINARY, 1, "P"), (Stage.FINAL, 1, "F"), (Stage.CORRECTED, 2, "C")]
)
def test_a_valid_message_with_the_status_of_its_stage(stage: Stage, version: int, status: str) -> None:
    report = replace(make_report(), stage=stage, version=version)
    if stage == Stage.PRELIMINARY:
        report = replace(report, signed_by="", signed_at="", signature="")
    text = message(report, SETTINGS, MADE).decode()
    parsed = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert parsed.validate()
    order = parsed.oru_r01_patient_result.oru_r01_order_observation
    assert order.obr.obr_25.value == status
    assert order.obr.obr_3.value == f"S-17-v{version}^edgewbc"
    results = order.oru_r01_observation
    assert len(results) == 7
    assert {each.obx.obx_11.value for each in results} == {status}
    assert [each.obx.obx_5.value for each in results] == ["58", "31", "7", "3", "1", "4.18", "2.0"]
    assert results[0].obx.obx_3.value == "26511-6^Neutrophils/Leukocytes in Blood^LN"
    assert results[4].obx.obx_3.value == "edgewbc-other-percent^other white cell, percent of white cells^L"
    assert [each.obx.obx_6.value.split("^")[0] for each in results] == ["%"] * 5 + ["10*9/L", "/100{WBCs}"]
    assert results[0].nte.nte_3.value == "58 of 100 cells"


def test_another_reader_finds_the_same() -> None:
    parsed = hl7.parse(message(make_report(), SETTINGS, MADE).decode())
    assert [str(segment[0]) for segment in parsed][:4] == ["MSH", "PID", "ORC", "OBR"]
    assert parsed.extract_field("MSH", 1, 9, 1, 1) == "ORU"
    assert parsed.extract_field("ORC", 1, 2, 1, 1) == "A1234"
    assert parsed.extract_field("OBR", 1, 4, 1, 1) == "69738-3"
    assert parsed.extract_field("OBR", 1, 32, 1, 1, 2) == "M. Curie"
    assert parsed.extract_field("OBX", 2, 5) == "31"
    assert parsed.extract_field("PID", 1, 3, 1, 5) == "ANON"
    assert not any(parsed.extract_field("PID", 1, 5, 1, part) for part in (1, 2))


@given(TEXTS)
@example("|^~\\&")
@example("a\rOBX|1|NM|x\r\n\x0b\x1c")
@example("\\X0D\\ \\F\\ \u2028 \x85 é 漢 🩸")
def test_no_text_adds_a_field_or_a_segment(text: str) -> None:
    plain = message(make_report(), SETTINGS, MADE).decode()
    wild = message(with_texts(text), SETTINGS, MADE).decode()
    lines, wanted = wild.split("\r"), plain.split("\r")
    assert [line[:3] for line in lines if line[:3] != "NTE"] == [line[:3] for line in wanted if line[:3] != "NTE"]
    assert {line[:4] for line in lines if line} == {line[:4] for line in wanted if line}
    by_name = {line[:3]: line.count("|") for line in wanted}
    for line in lines:
        assert line.count("|") == by_name[line[:3]]
    parsed = hl7.parse(wild)
    assert parsed.extract_field("ORC", 1, 2, 1, 1) == text
    assert parsed.extract_field("OBX", 1, 16, 1, 2) == text
    assert parsed.extract_field("NTE", 1, 3, 1, 1) == text


@given(TEXTS)
def test_escaped_texts_have_no_separator_and_come_back(text: str) -> None:
    escaped = escape(text)
    assert not set(escaped) & set("|^~&\r\n")
    assert hl7.parse("MSH|^~\\&|x\r").unescape(escaped) == text


def test_the_message_of_the_same_report_has_the_same_number() -> None:
    first, again = (message(make_report(), SETTINGS, MADE) for _ in range(2))
    later = message(replace(make_report(), version=2), SETTINGS, MADE)
    numbers = [hl7.parse(each.decode()).extract_field("MSH", 1, 10) for each in (first, again, later)]
    assert numbers[0] == numbers[1] != numbers[2]
    assert len(str(numbers[0])) == 20


def test_an_accession_number_is_needed() -> None:
    with pytest.raises(ValueError, match="no accession number"):
        message(replace(make_report(), accession=""), SETTINGS, MADE)
