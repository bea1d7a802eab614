"""`edgewbc count`: from a slide's images to a case."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import emit, progress, say
from edgewbc.cli.options import Cores, Json, Precision, SlideBundle, decimal


def command(
    paths: Annotated[
        list[Path], typer.Argument(help="Folders of a slide's images, fields or single cells, and image files.")
    ],
    to: Annotated[Path, typer.Option(help="Folder of the case.")],
    cells: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Stop at N white cells, such as 100, 200 or 400. [default: all]"),
    ] = None,
    case: Annotated[
        str | None, typer.Option(help="Id of the case, never a patient's name. [default: the name of its folder]")
    ] = None,
    wbc: Annotated[
        float | None,
        typer.Option(
            parser=decimal,
            metavar="NUMBER",
            help="White cells in 10^9/L from the analyzer, such as 7.2 (or 7,2), for absolute counts.",
        ),
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who counts.")] = None,
    accession: Annotated[str | None, typer.Option(help="Accession or order number, for the hand-over.")] = None,
    model: SlideBundle = None,
    precision: Precision = None,
    review_below: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CLASS=]P",
            help="Review labels with a probability below P, as for classify. [default: the bundle's]",
        ),
    ] = None,
    max_error: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Choose the review threshold by this share of errors, as for classify."),
    ] = None,
    microscope: Annotated[
        Path | None,
        typer.Option(
            metavar="JSON",
            help="Profile of the microscope, from `edgewbc microscope learn`. [default: learned from the images]",
        ),
    ] = None,
    threads: Cores = None,
    zeros: Annotated[bool, typer.Option("--zeros", help="Also print the types without a cell.")] = False,
    json: Json = False,
) -> None:
    """Count a slide: images in, a case out, which a person reviews and signs.

    Images are taken by path, numbers in it by their value, and the cells of a field from top to bottom. Cells cut
    off by the edge of a field are not counted, and a cell that an overlapping field or a copy of the file shows again
    is counted once. With --cells, counting stops at N white cells, including those that a person has yet to look at.

    The WBC is never estimated: without --wbc there are no absolute counts. Cells with status review or unfamiliar are
    not counted until a person has decided on them, and the case cannot be signed until then. If a count is interrupted,
    run the same command again to resume.

    \b
    Example:
      edgewbc count smear-17 --to cases/smear-17 --cells 200 --wbc 7.2 --by "A. Jones"
    """
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cases import count
    from edgewbc.cli import defaults
    from edgewbc.lab.thresholds import ReviewThresholds

    request = count.CountRequest(
        paths,
        to,
        cells,
        case,
        wbc,
        by,
        accession,
        thresholds=ReviewThresholds.parse(review_below or [], max_error),
        precision=precision,
        threads=threads,
        microscope=microscope,
    )
    named = None if model is None else partial(Bundle.open, defaults.named_bundle(model))
    made = count.run(request, named, say=say, progress=progress)
    found = made.differential()
    if json:
        emit({"folder": str(to), "case": made.info.case, "state": str(made.state), "differential": found.to_json()})
        return
    if made.index.warning:
        say(made.index.warning)
    print(found.table(zeros))
    if cells is not None and found.counted + found.open_cells < cells:
        say(f"fewer than the {cells} cells asked for: the images hold no more")
    say(f"case: {to}; look through it and sign with `edgewbc review {to}`")
