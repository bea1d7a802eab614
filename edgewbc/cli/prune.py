"""`edgewbc prune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import emit, say


def command(
    run: Annotated[Path | None, typer.Argument(help="Run folder to prune (default: the newest).")] = None,
    keep_macs: Annotated[float | None, typer.Option(help="Share of the multiply-adds to keep, such as 0.25.")] = None,
    recipe: Annotated[str, typer.Option(help="A YAML file, or the name of a recipe that ships.")] = "quarter",
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="Run to learn from (default: RUN); any network of the same classes; repeat it for several."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Manifest (default: the newest here).")] = None,
    to: Annotated[Path | None, typer.Option(help="Run folder to make (default: runs/<run>-<recipe>).")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this interrupted run.")] = None,
    change: Annotated[list[str] | None, typer.Option("--set", help="Change a key, such as fit.epochs=2.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Take whole channels out of a network, then recover its accuracy by distillation from the unpruned one.

    \b
    Example:
      edgewbc prune runs/vgg16gap-112 --keep-macs 0.25 --data manifests/pbc
    """
    from edgewbc.cli import defaults
    from edgewbc.cli.training_progress import Watch
    from edgewbc.utils.optional import need

    for module in ("torch", "accelerate", "torch_pruning", "pydantic", "yaml", "safetensors"):
        need(module, "edgewbc prune")
    from edgewbc import runs
    from edgewbc.compress import prune_and_finetune
    from edgewbc.train.recipe import PruneRecipe, parse_changes, read

    watch = Watch()
    manifest = defaults.manifest(data)
    if resume is not None:
        made = prune_and_finetune.resume(resume, manifest, progress=watch.progress, report=watch.report)
    else:
        parent = defaults.run(run)
        changes = parse_changes(change or [])
        if keep_macs is not None:
            changes["keep_macs"] = keep_macs
        teachers = [defaults.run(path) for path in teacher or []]
        options = read(defaults.recipe(recipe), PruneRecipe, changes)
        made = prune_and_finetune.prune(
            parent, options, manifest, teacher=teachers or None, to=to, progress=watch.progress, report=watch.report
        )
    if not watch.first:
        return
    best, kept = watch.best(made), runs.lineage(made)["kept"]
    if json:
        emit({"run": str(made), "best": best, "kept": kept})
    else:
        print(
            f"{made}: keeps {kept['macs']:.1%} of the multiply-adds and {kept['parameters']:.1%} of the parameters; "
            f"validation {best['val_accuracy']:.2%} ({best['val_correct']} of {best['val_n']}, "
            f"protocol {best['protocol']})"
        )
        say(f"next: edgewbc quantize {made} --int8")
