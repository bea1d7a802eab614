"""`edgewbc pick`: choose the cells that are worth labeling."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import emit, left_out, progress, say, wrote
from edgewbc.cli.options import InferenceThreads, Json


def command(
    images: Annotated[Path, typer.Argument(help="Folder of images of single cells or of fields.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Number of cells to label.")] = 50,
    to: Annotated[Path, typer.Option(help="Folder to create.")] = Path("to-label"),
    model: Annotated[Path | None, typer.Option(help="Bundle to adapt. [default: the shipped one]")] = None,
    microscope: Annotated[
        Path | None, typer.Option(help="Profile of the microscope. [default: learned from the images]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice.")] = 0,
    threads: InferenceThreads = None,
    as_json: Json = False,
) -> None:
    """Choose the cells that teach a bundle the most about your microscope, and lay them out to be labeled.

    The folder has numbered copies (cells/001.png ...), a contact sheet to look at and to print (sheet.html), a table to
    fill in (labels.csv), and the same as tasks of Label Studio. Fill in the column `label`, then run
    `edgewbc adapt --cells FOLDER/labels.csv`.

    \b
    Example:
      edgewbc pick smear-17 --n 50 --to to-label
    """
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import defaults
    from edgewbc.cli.adapt import profile_of
    from edgewbc.errors import UserError
    from edgewbc.images import discover
    from edgewbc.lab import pick_folder
    from edgewbc.utils.files import occupied

    if occupied(to):
        raise UserError(f"{to}: exists already and is not overwritten: give another --to")
    bundle = Bundle.open(defaults.bundle(model))
    paths = discover.find([images])
    profile = profile_of(bundle, microscope, paths)
    found = pick_folder.choose(bundle, paths, n, seed=seed, profile=profile, threads=threads, progress=progress)
    pick_folder.write(bundle, found, to, profile)
    left_out(found.errors)
    if as_json:
        emit(
            {
                "folder": str(to),
                "found": found.found,
                "copies": found.copies,
                "left_out": len(found.errors),
                "cells": [
                    {"path": each.copy, "original": str(each.original), "suggestion": each.suggestion,
                     "probability": each.probability}
                    for each in found.cells
                ],
            }
        )  # fmt: skip
    else:
        print(f"{len(found.cells)} of {found.found} cells are in {to}; fill in the column label of {to}/labels.csv")
    wrote(to)
    named = [*([str(model)] if model else []), "--cells", f"{to}/labels.csv"]
    scope = ["--microscope", str(microscope)] if microscope else []
    say(f"next: edgewbc adapt {' '.join(map(shlex.quote, [*named, *scope]))}")
