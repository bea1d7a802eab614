"""`edgewbc train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import emit, say


def command(
    recipe: Annotated[
        str | None,
        typer.Option(
            help="A YAML file, or the name of a recipe that ships (default: vgg16gap-112; demo for synthetic cells)."
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Manifest (default: the newest here).")] = None,
    weights: Annotated[
        str | None, typer.Option(help="Start from: imagenet (EDGEWBC_WEIGHTS, else downloaded), none, or a FILE.")
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="Run whose answers are learnt too (the recipe's distil); repeat it for an ensemble."),
    ] = None,
    shape: Annotated[
        Path | None, typer.Option(help="Run whose shape to train from random weights: to compare a pruned one with.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Run folder to make (default: runs/<name>).")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this interrupted run.")] = None,
    change: Annotated[list[str] | None, typer.Option("--set", help="Change a key, such as fit.epochs=2.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Fine-tune a network on the train split of a manifest, choosing the epoch on validation.

    Runs on a CPU, a GPU, or several (`accelerate launch -m edgewbc train ...`). The test split is never read.

    \b
    Example:
      edgewbc train --recipe vgg16gap-112 --data manifests/pbc --weights vgg16.safetensors
    """
    from edgewbc.cli import defaults
    from edgewbc.cli.training_progress import Watch
    from edgewbc.utils.optional import need

    for module in ("torch", "accelerate", "pydantic", "yaml", "safetensors"):
        need(module, "edgewbc train")
    from edgewbc.train import run as steps
    from edgewbc.train.recipe import TrainRecipe, parse_changes, read

    watch = Watch()
    if resume is not None:
        made = steps.resume(resume, defaults.manifest(data), progress=watch.progress, report=watch.report)
    else:
        manifest = defaults.manifest_or_synthetic(data)
        drawn = manifest.provenance.source == "synthetic"
        file = defaults.recipe(recipe or ("demo" if drawn else "vgg16gap-112"))
        if recipe is None:
            say(f"recipe: {file.stem}")
        changes = parse_changes(change or [])
        if weights is not None:
            changes["weights"] = weights
        options = read(file, TrainRecipe, changes)
        if shape is not None:
            options = steps.shaped_like(defaults.run(shape), options)
        teachers = [defaults.run(path) for path in teacher or []]
        made = steps.train(options, manifest, teachers=teachers, to=to, progress=watch.progress, report=watch.report)
    if not watch.first:
        return
    best = watch.best(made)
    say(f"run: {made}")
    if json:
        emit({"run": str(made), "best": best})
    else:
        print(
            f"{made}: validation {best['val_accuracy']:.2%} ({best['val_correct']} of {best['val_n']}, "
            f"protocol {best['protocol']}), epoch {best['epoch']}; next: edgewbc prune {made}"
        )
