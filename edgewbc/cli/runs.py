"""`edgewbc runs`: list run folders, and compare them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import emit

app = typer.Typer(rich_markup_mode=None, help="List and compare run folders.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout.")]


@app.callback(invoke_without_command=True)
def list_runs(
    context: typer.Context,
    root: Annotated[Path, typer.Option("--in", metavar="DIR", help="Folder of run folders.")] = Path("runs"),
    json: Json = False,
) -> None:
    """List run folders: step, network, data, best epoch on validation, minutes and parent; the newest first.

    \b
    Example:
      edgewbc runs
    """
    if context.invoked_subcommand is not None:
        return
    from edgewbc.errors import UserError
    from edgewbc.report import run_table

    rows = run_table.below(root)
    if not rows:
        raise UserError(f"{root}: no run folders here: make one with `edgewbc train`, or name their folder with --in")
    emit([row.to_json() for row in rows]) if json else print(run_table.text(rows))


@app.command()
def compare(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders.")],
    json: Json = False,
) -> None:
    """Compare runs: data, results on validation, and the keys of the recipes that differ.

    \b
    Example:
      edgewbc runs compare runs/mine runs/mine-2
    """
    from edgewbc.errors import UserError
    from edgewbc.report import run_table

    if len(folders) < 2:
        raise UserError("name two runs or more to compare")
    rows = [run_table.read(folder) for folder in folders]
    emit([row.to_json() for row in rows]) if json else print(run_table.compare(rows))


@app.command()
def draw(folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")]) -> None:
    """Draw a run's learning curves and confusion matrix again: curves.png and confusion.png in its folder.

    \b
    Example:
      edgewbc runs draw runs/mine
    """
    from edgewbc.errors import UserError
    from edgewbc.report import training_figures

    written = training_figures.draw(folder)
    if not written:
        raise UserError(f"{folder}: has no epochs to draw (metrics.jsonl)")
    print("\n".join(map(str, written)))


@app.command()
def average(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN...", help="Runs that were fine-tuned from the same weights.")
    ],
    to: Annotated[Path | None, typer.Option(help="New run folder. [default: runs/<first run>-average]")] = None,
) -> None:
    """Average the weights of runs into a new one, which is often better on other microscopes than each of them.

    \b
    Example:
      edgewbc runs average runs/mine-0 runs/mine-1 runs/mine-2 --to runs/mine-average
    """
    from edgewbc.train.average import average as averaged

    run = averaged(folders, to)
    print(f"{run}: the average of {len(folders)} runs; next: edgewbc eval {run} --split val")
