"""`edgewbc classify`: classify images and count the cells."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cells import no_white_cells
from edgewbc.cli.console import progress, say
from edgewbc.cli.options import Cores, Precision, RequireSignature, ShippedBundle, TrustedKeys
from edgewbc.errors import GateError, UserError
from edgewbc.lab.csv_table import CsvStyle


class ClassifyEngine(StrEnum):
    """Where images are classified: see `lab.engine`, `lab.processes` and `archive.engine`."""

    PC = "pc"
    PROCESSES = "processes"
    RAY = "ray"


def command(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Image files, and folders of images (with all subfolders).")
    ] = None,
    model: ShippedBundle = None,
    precision: Precision = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the rows to this file: CSV, or JSON Lines if it ends in .jsonl.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(help="Record every result in this file. [default: --out with .journal appended]")
    ] = None,
    review_below: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CLASS=]P",
            help="Review labels with a probability below P; repeat it for single classes. "
            "basophil=1.01 reviews every basophil. [default: the bundle's]",
        ),
    ] = None,
    max_error: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Choose the review threshold such that at most this share of the accepted cells is mislabeled, such "
            "as 0.01, on cells like those of the bundle's validation. --review-below P overrides it.",
        ),
    ] = None,
    microscope: Annotated[
        Path | None,
        typer.Option(
            metavar="JSON",
            help="Profile of the microscope, from `edgewbc microscope learn`, for a model that locates cells. "
            "[default: learned from up to 200 of the images]",
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep running and classify images as they are saved, until Ctrl-C.")
    ] = False,
    csv: Annotated[
        CsvStyle,
        typer.Option(
            help="plain: commas, 0.5, UTF-8; excel: semicolons, 0,5, CRLF and a byte order mark; iso: RFC 4180 (CRLF)."
        ),
    ] = CsvStyle.PLAIN,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Write JSON Lines instead of CSV.")] = False,
    threads: Cores = None,
    batch: Annotated[int, typer.Option(min=1, help="Images per inference call.")] = 32,
    engine: Annotated[
        ClassifyEngine,
        typer.Option(
            help="pc: threads of this process; processes: a process per core, faster with thousands of images, for "
            "about 150 MB each; ray: the same for archives, here or on a Ray cluster, and also writes the table as "
            "Parquet. Both need --out."
        ),
    ] = ClassifyEngine.PC,
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster to use, such as auto or 10.0.0.5:6379. [default: Ray is started on this PC]"),
    ] = None,
    listed: Annotated[
        list[Path] | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Also classify the images that FILE names: text, a name on each line, or "
            "Parquet with a column path. Repeatable.",
        ),
    ] = None,
    urls: Annotated[
        bool,
        typer.Option("--urls", help="Let lists hold URLs such as s3://bucket/cell.jpg; with --engine ray."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object with the rows and the differential.")
    ] = False,
    trust: TrustedKeys = None,
    require_signature: RequireSignature = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 3 if the images do not look like those the model was trained on."),
    ] = False,
) -> None:
    """Classify images of single cells or, with a model that locates cells, fields: a row per cell, and a differential.

    An image that cannot be read becomes a row with status `error` and a reason; the others are still classified.
    Status `review` asks a person to look, and the reason says why. Status `unfamiliar` marks a cell unlike those of
    training, which is never counted, whatever its label. Where far more images need review than in the
    model's validation, no percentages are given. Without --out, the rows go to stdout and the
    differential to stderr.

    With --out, the differential, the settings and the dates are also written to a summary next to the table, and every
    result is recorded in a journal as it is made. If a run is interrupted, run the same command again
    to resume: only new and changed images are classified. The journal is kept as the record of which file gave which
    result.

    \b
    Example:
      edgewbc classify smear-17 --out smear-17.csv
      edgewbc classify --watch camera --out today.csv
      edgewbc classify smear-17 --out strict.csv --review-below 0.95 --review-below basophil=1.01
      edgewbc classify archive --engine ray --out archive.csv
    """
    from edgewbc.bundle import signature
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import defaults
    from edgewbc.images.discover import is_url
    from edgewbc.lab import session
    from edgewbc.lab.classify_request import ClassifyRequest, results_file
    from edgewbc.lab.thresholds import ReviewThresholds

    if not paths and not listed:
        raise UserError("no images: name files or folders, or a list with --list")
    for path in paths or []:
        if is_url(path.as_posix().replace(":/", "://", 1)) and not path.exists():
            raise UserError(f"{path}: is a URL: write it into a text file, and give --list FILE --urls --engine ray")
    if engine is not ClassifyEngine.RAY and (urls or address is not None):
        raise UserError(f"{'--urls' if urls else '--address'} is only for --engine ray")
    if watch and listed:
        raise UserError("--list: a list is not watched: leave out --watch")
    keys = signature.trusted(trust)
    verdicts: list[signature.SignatureVerdict] = []

    def opened() -> Bundle:
        bundle = Bundle.open(defaults.bundle(model))
        verdicts.append((signature.require if require_signature else signature.judge)(bundle, keys))
        return bundle

    request = ClassifyRequest(
        paths or [],
        out,
        journal,
        watch=watch,
        jsonl=jsonl,
        style=csv,
        as_json=as_json,
        thresholds=ReviewThresholds.parse(review_below or [], max_error),
        precision=precision,
        threads=threads,
        batch=batch,
        microscope=microscope,
        listed=_names(listed or [], urls),
    )
    if engine is ClassifyEngine.RAY:
        from edgewbc.archive import run
        from edgewbc.archive.cluster import ClusterOptions

        options = ClusterOptions(address, threads)
        lists = listed or []
        summary = run.classify(request, options, opened, sys.stdout, say=say, progress=progress, lists=lists)
    elif engine is ClassifyEngine.PROCESSES:
        from edgewbc.lab.processes import Processes

        results_file(request, engine)
        summary = session.run(request, opened, sys.stdout, say=say, progress=progress, engine=Processes())
    else:
        summary = session.run(request, opened, sys.stdout, say=say, progress=progress)
    count = summary.differential
    for verdict in verdicts:
        say(verdict.line)
    for name in no_white_cells(count.classes):
        say(f"{name}: counted as white cells, although the name of the class says otherwise")
    if not as_json:
        (say if out is None else print)(f"{count.table()}\n{summary.summary.lines()}")
    if count.nothing_readable and count.first_error is not None:
        first = f"{count.first_error.path}: {count.first_error.reason}"
        raise UserError(f"none of {count.total} images could be read; the first: {first}")
    if summary.journal is not None:
        say(f"journal: {summary.journal}")
    if count.verdict.unlike and (strict or as_json):
        if strict:
            raise GateError(f"--strict: {count.verdict.sentence}")
        say(count.verdict.sentence)


def _names(lists: list[Path], urls: bool) -> list[str]:
    """Return the names in lists of images."""
    if not lists:
        return []
    from edgewbc.archive import names

    return [name for file in lists for name in names.read(file, urls)]
