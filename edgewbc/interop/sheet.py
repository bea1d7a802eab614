"""A report as a table: CSV (RFC 4180 with line feeds), a row per result, that a spreadsheet opens without a formula."""

from __future__ import annotations

from collections.abc import Sequence

from edgewbc.interop.report import Report
from edgewbc.utils.tables import csv_text
from edgewbc.utils.text import no_formula

SUFFIX = ".csv"
COLUMNS = (
    "case", "version", "accession", "status", "counted_at", "signed_by", "signed_at", "type", "system", "code", "name",
    "value", "unit", "n", "white_cells", "low", "high", "software", "signature",
)  # fmt: skip


def encoded(report: Report) -> bytes:
    """Return the table in UTF-8, with a header."""
    rows: list[Sequence[str]] = [COLUMNS]
    for each in report.observations:
        row = [
            report.case, str(report.version), report.accession, str(report.stage), report.counted_at, report.signed_by,
            report.signed_at, each.label, each.coding.system, each.coding.code, each.coding.name, each.value,
            each.unit.code, "" if each.n is None else str(each.n), str(report.counted), each.low, each.high,
            report.software, report.signature,
        ]  # fmt: skip
        rows.append([no_formula(value) for value in row])
    return csv_text(rows).encode()
