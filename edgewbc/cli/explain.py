"""`edgewbc explain`: show what in an image a label rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import emit, left_out, progress, say, wrote
from edgewbc.cli.options import InferenceThreads, Json, SlideBundle


def command(
    images: Annotated[list[Path], typer.Argument(help="Image files, and folders of images (with all subfolders).")],
    to: Annotated[Path, typer.Option(help="Folder to create.")] = Path("explained"),
    model: SlideBundle = None,
    precision: Annotated[
        str | None, typer.Option(help="int8 or f32, if the bundle has it. [default: the bundle's]")
    ] = None,
    label: Annotated[
        str, typer.Option(metavar="CLASS", help="Class whose map to draw. [default: each cell's most probable one]")
    ] = "",
    against: Annotated[
        str, typer.Option(metavar="CLASS", help="Class to compare it with. [default: the mean of all classes]")
    ] = "",
    similar: Annotated[
        Path | None,
        typer.Option(
            metavar="CELLS", help="Labeled cells, as `edgewbc adapt` reads them; shows the most similar ones."
        ),
    ] = None,
    microscope: Annotated[
        Path | None, typer.Option(help="Profile of the microscope. [default: learned from the images]")
    ] = None,
    most: Annotated[int, typer.Option("--cells", min=1, help="Largest number of cells to explain.")] = 300,
    threads: InferenceThreads = None,
    as_json: Json = False,
) -> None:
    """Show which parts of each cell's image its label rests on, with class activation maps.

    The folder has a contact sheet (sheet.html), an image of each cell without and with its map (maps/0001.png ...),
    and the values (maps.json). A map shows what the network's score rests on, not that the label is right.

    \b
    Example:
      edgewbc explain smear-17 --to explained
      edgewbc explain smear-17 --to why-not-monocyte --label lymphocyte --against monocyte
    """
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cases import bundle as case_bundle
    from edgewbc.cases import training
    from edgewbc.cli import defaults
    from edgewbc.cli.adapt import profile_of
    from edgewbc.errors import UserError
    from edgewbc.images import discover
    from edgewbc.lab import explain_folder
    from edgewbc.lab.explain import Explainer, index_of
    from edgewbc.utils.files import occupied
    from edgewbc.utils.text import count

    if occupied(to):
        raise UserError(f"{to}: exists already and is not overwritten: give another --to")
    paths = discover.find(images)
    if model is None:
        bundle = case_bundle.choose(None, [str(path) for path in paths], say)
    else:
        bundle = Bundle.open(defaults.named_bundle(model))
    for name in filter(None, (label, against)):
        index_of(bundle.classes, name)
    profile = profile_of(bundle, microscope, paths)
    explainer = Explainer(bundle, precision=precision, profile=profile, threads=threads)
    known = None
    if similar is not None:
        cells = training.labeled_files(similar, bundle.classes)
        known = explain_folder.Similar.of(bundle, cells, profile=profile, threads=threads, progress=progress)
    request = explain_folder.ExplainRequest(tuple(paths), label, against, most)
    found = explain_folder.write(explainer, request, to, known, progress)
    left_out(found.errors)
    if found.coarse:
        say(found.coarse)
    if found.stopped:
        say(f"stopped after {count(found.cells, 'cell')}: --cells explains more")
    if as_json:
        emit({"folder": str(to), "cells": found.cells, "left_out": len(found.errors), "coarse": found.coarse})
    else:
        print(f"{count(found.cells, 'cell is', 'cells are')} explained in {to}/{explain_folder.SHEET}")
    wrote(to)
