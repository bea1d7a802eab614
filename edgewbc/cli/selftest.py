"""`edgewbc selftest`: check a bundle's files and predictions on this PC."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgewbc.cli.console import emit
from edgewbc.cli.options import InferenceThreads, Json

if TYPE_CHECKING:
    from edgewbc.runtime.selftest import SelftestReport


def command(
    model: Annotated[
        Path | None,
        typer.Argument(help="Bundle, a folder or a zip. [default: the shipped one]"),
    ] = None,
    named: Annotated[Path | None, typer.Option("--model", help="The bundle, given as an option instead.")] = None,
    threads: InferenceThreads = None,
    backend: Annotated[
        str, typer.Option(help="Runtime to check: openvino, or onnx where ONNX Runtime is installed.")
    ] = "openvino",
    as_json: Json = False,
) -> None:
    """Check that a bundle is complete, and gives the same predictions on this PC as where it was exported.

    The hash of each file is checked; then the golden samples are classified in each precision. The exit code is 3 if a
    probability, the mean logits or the mean features differ by more than the bundle allows: int8 can, on CPUs for which
    OpenVINO uses other kernels.

    Checksums show that the files are whole, not who made them. The hash of each model is printed, to compare with the
    released ones or with the one that whoever made it states.

    \b
    Example:
      edgewbc selftest --model bundles/mine
    """
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import defaults
    from edgewbc.runtime.selftest import selftest

    report = selftest(Bundle.open(defaults.bundle(model or named)), threads, backend)
    if as_json:
        emit(report.to_json())
    else:
        print(_table(report))
    report.require()


def _table(report: SelftestReport) -> str:
    from edgewbc.bundle.training_images import UNDESCRIBED
    from edgewbc.utils import text

    lines = [
        [
            check.precision,
            str(check.samples),
            f"{check.difference:.2e}",
            f"{check.tolerance:.2e}",
            f"{check.mean_logit:.2e}",
            f"{check.mean_features:.2e}",
            f"{check.same_label} of {check.samples}",
            "ok" if check.ok else "FAILED",
        ]
        for check in report.checks
    ]
    header = ["precision", "samples", "difference", "tolerance", "mean logit", "mean features", "same label", ""]
    table = text.table(header, lines)
    wrong = "".join(f"\n{check.precision}: {fault}" for check in report.checks for fault in check.faults)
    models = text.table(
        ["model", "SHA-256", "released as"],
        [[f"{m.precision} {m.backend}", m.sha256, m.released or "not a released model"] for m in report.models],
        left=3,
    )
    familiar = "".join(
        f"\nfamiliarity {check.precision}: {check.same_familiarity} of {check.samples} samples as expected, "
        f"scores within {check.familiarity:.2e}"
        for check in report.checks
        if check.familiarity is not None
    )
    note = (
        ""
        if all(model.released for model in report.models)
        else "\nChecksums show that files are whole, not who made them: compare the SHA-256 with the maker's."
    )
    if not report.training_images:
        note += f"\n{UNDESCRIBED}"
    files = f"{report.bundle}: {report.files} files match their checksums"
    return f"{files}\n{report.isa}\n{table}{wrong}{familiar}\n\n{models}{note}"
