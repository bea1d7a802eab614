"""`edgewbc classify`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgewbc.cli.console import emit, progress, say
from edgewbc.errors import UserError

if TYPE_CHECKING:
    from edgewbc.lab.classify import Row


def command(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, and folders of pictures (with all folders in them).")],
    model: Annotated[
        Path | None,
        typer.Option(help="Bundle (folder or zip). [default: the newest in ./bundles, else the shipped one]"),
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="int8 or f32, as the bundle holds. [default: the bundle's]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the rows to this file: CSV, or JSON lines if it ends in .jsonl.")
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="JSON lines in place of CSV.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the network. [default: OpenVINO's]")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures answered at once.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: rows and differential.")] = False,
) -> None:
    """Classify pictures of single cells; a row each, and a differential count at the end.

    A picture that cannot be read is a row with status `error` and a reason, and the others go on. Status `review` asks
    a person to look: the reason says why. Without --out the rows go to stdout and the differential to stderr.

    \b
    Example:
      edgewbc classify smear-17 --out smear-17.csv
    """
    from edgewbc.bundle import Bundle
    from edgewbc.cli import defaults
    from edgewbc.lab.classify import classify
    from edgewbc.lab.differential import Differential
    from edgewbc.lab.find import find
    from edgewbc.lab.rows import save, write_csv, write_jsonl

    files = find(paths)
    bundle = Bundle.open(defaults.bundle(model))
    count = Differential(bundle.classes)
    kept: list[dict[str, Any]] = []
    first: list[str] = []

    found = classify(bundle, files, precision=precision, threads=threads, batch=batch)

    def rows() -> Iterator[Row]:
        for row in progress(found, "classify", len(files)):
            count.add(row)
            if as_json:
                kept.append(row.to_dict())
            if row.status == "error" and not first:
                first.append(f"{row.path}: {row.reason}")
            yield row

    if out is not None:
        save(rows(), bundle.classes, out, jsonl=jsonl or out.suffix.lower() == ".jsonl")
        say(f"rows: {out}")
    elif as_json:
        for _ in rows():
            pass
    elif jsonl:
        write_jsonl(rows(), sys.stdout)
    else:
        write_csv(rows(), bundle.classes, sys.stdout)
    told = count.to_dict()
    if as_json:
        sha256 = bundle.model_sha256("openvino", precision)
        emit({"model": str(bundle.path), "model_sha256": sha256, "rows": kept, "differential": told})
    else:
        (say if out is None else print)(table(told))
    if told["errors"] == told["pictures"]:
        raise UserError(f"not one of {told['pictures']} pictures could be read; the first: {first[0]}")


def table(told: dict[str, Any]) -> str:
    """The differential for a person."""
    from edgewbc.report import text

    lines = [
        [name, str(share["n"]), *(["-", "-"] if share["percent"] is None else _percents(share))]
        for name, share in told["classes"].items()
    ]
    shown = text.table(["class", "n", "percent", "95 % interval"], lines)
    return f"{shown}\n{told['counted']} counted, {told['review']} to review, {told['errors']} could not be read"


def _percents(share: dict[str, Any]) -> list[str]:
    low, high = share["interval"]
    return [f"{share['percent']:.1f} %", f"{low:.1f}-{high:.1f} %"]
