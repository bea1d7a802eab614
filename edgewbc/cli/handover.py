"""`edgewbc handover`: give a signed case to a laboratory's information system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import emit, wrote
from edgewbc.cli.options import Json
from edgewbc.interop.form import Form


def command(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="Folder that `edgewbc count` made.")],
    form: Annotated[
        Form,
        typer.Option("--as", help="hl7: ORU^R01, v2.5.1; fhir: a Bundle of R4 with a DiagnosticReport; csv: a table."),
    ],
    to: Annotated[Path, typer.Option(help="Folder that the information system watches.")],
    codes: Annotated[
        Path | None,
        typer.Option(metavar="YAML", help="Codes and addresses. [default: the shipped recipes/codes/loinc.yaml]"),
    ] = None,
    accession: Annotated[str, typer.Option(help="Accession number, for a case that has none.")] = "",
    draft: Annotated[
        bool, typer.Option("--draft", help="Hand over a case that is not signed, as preliminary.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a signed case into a folder, for a laboratory's information system to read.

    The file appears at once under a name of the case and its version, and is never overwritten: each signed version is
    handed over once. Results are final, and those of a correction are marked as such. Only signed cases are handed
    over; with --draft, only cases that nobody has signed yet, as preliminary and as often as needed. Nothing is sent
    over a network, and nothing is said of the patient but the accession number.

    \b
    Example:
      edgewbc handover case-17 --as hl7 --to to-lis --accession A1234
      edgewbc handover case-17 --as fhir --to to-lis
    """
    from edgewbc.cases import handover
    from edgewbc.cases.case import Case
    from edgewbc.interop.codes import Codes
    from edgewbc.utils.text import utc_now

    known = Codes.read(codes)
    report = handover.report_of(Case.read(case), known, draft=draft, accession=accession.strip())
    file = handover.drop(report, form, to, known, utc_now())
    if as_json:
        emit({"file": str(file), "case": report.case, "version": report.version, "status": str(report.stage)})
    else:
        print(f"{report.case}, version {report.version}: {report.stage}")
    wrote(file)
