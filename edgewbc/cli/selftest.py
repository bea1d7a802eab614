"""`edgewbc selftest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgewbc.cli.console import emit

if TYPE_CHECKING:
    from edgewbc.runtime.selftest import Report


def command(
    model: Annotated[
        Path | None,
        typer.Argument(help="Bundle, a folder or a zip. [default: the newest in ./bundles, else the shipped]"),
    ] = None,
    named: Annotated[Path | None, typer.Option("--model", help="The same, as an option.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the network. [default: OpenVINO's]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check that a bundle is whole and answers on this machine as it did where it was exported.

    Every file's hash is checked; then the golden samples are answered in each precision. Exit code 3 if an answer is
    further off than the bundle allows: int8 may be, on CPUs that OpenVINO treats otherwise.

    \b
    Example:
      edgewbc selftest --model bundles/mine
    """
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import defaults
    from edgewbc.runtime.selftest import selftest

    report = selftest(Bundle.open(defaults.bundle(model or named)), threads)
    if as_json:
        emit(report.to_json())
    else:
        print(_table(report))
    report.require()


def _table(report: Report) -> str:
    from edgewbc.utils import text

    lines = [
        [
            check.precision,
            str(check.samples),
            f"{check.difference:.2e}",
            f"{check.tolerance:.2e}",
            f"{check.features:.2e}",
            f"{check.same_label} of {check.samples}",
            "ok" if check.ok else "FAILED",
        ]
        for check in report.checks
    ]
    shown = text.table(["precision", "samples", "difference", "tolerance", "features", "same label", ""], lines)
    return f"{report.bundle}: {report.files} files have the right hash\n{report.isa}\n{shown}"
