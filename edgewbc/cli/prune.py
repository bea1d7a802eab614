"""`edgewbc prune`: remove channels and recover the accuracy by distillation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import emit, say
from edgewbc.cli.options import Json


def command(
    run: Annotated[Path | None, typer.Argument(help="Run folder to prune. [default: the newest]")] = None,
    keep_macs: Annotated[
        float | None, typer.Option(help="Largest share of the multiply-adds to keep, such as 0.25.")
    ] = None,
    recipe: Annotated[str, typer.Option(help="YAML file or name of a built-in recipe.")] = "quarter",
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="Run with the same classes to learn from; repeat for an ensemble. [default: RUN]"),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Manifest folder. [default: the newest one here]")] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            help="New run folder. [default: runs/<run>-<recipe>; with --keep-macs runs/<run>-macs<percent kept>, "
            "or with several steps runs/<run>-macs-max<percent>]"
        ),
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Interrupted run to resume.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="Set a key of the recipe, such as fit.epochs=2; repeatable.")
    ] = None,
    json: Json = False,
) -> None:
    """Remove channels from a network, then recover its accuracy by distillation from the unpruned network.

    If the recovery is interrupted, continue it with --resume.

    \b
    Example:
      edgewbc prune runs/vgg16gap-112 --keep-macs 0.25 --data manifests/pbc
    """
    from edgewbc.cli import defaults
    from edgewbc.cli.training_progress import TrainingProgress
    from edgewbc.utils.optional import need

    for module in ("torch", "accelerate", "torch_pruning", "pydantic", "yaml", "safetensors"):
        need(module, "edgewbc prune")
    from edgewbc import runs
    from edgewbc.compress import prune_and_finetune
    from edgewbc.train.recipe import PruneRecipe
    from edgewbc.train.recipe_file import parse_changes, read
    from edgewbc.utils.json_values import plain

    shown = TrainingProgress()
    if resume is not None:
        new = {"RUN": run, "--set": change, "--keep-macs": keep_macs, "--teacher": teacher, "--to": to}
        manifest = defaults.manifest_to_resume(resume, data, new)
        with shown.interruptible():
            made = prune_and_finetune.resume(resume, manifest, **shown.callbacks)
    else:
        manifest = defaults.manifest(data)
        parent = defaults.run(run)
        file, changes = defaults.recipe(recipe), parse_changes(change or [])
        unchanged = read(file, PruneRecipe).keep_macs
        if keep_macs is not None:
            changes["keep_macs"] = keep_macs
        teachers = [defaults.run(path) for path in teacher or []]
        options = read(file, PruneRecipe, changes, {"keep_macs": "--keep-macs"} if keep_macs is not None else None)
        with shown.interruptible():
            made = prune_and_finetune.prune(
                parent, options, manifest, teacher=teachers or None, to=to,
                name_by_share=options.keep_macs != unchanged and "name" not in changes,
                **shown.callbacks,
            )  # fmt: skip
    if not shown.first:
        return
    best, kept = shown.best(made), runs.lineage(made).kept
    if json:
        emit({"run": str(made), "best": best.to_json(), "kept": plain(kept)})
    else:
        print(
            f"{made}: keeps {kept.macs:.1%} of the multiply-adds and {kept.parameters:.1%} of the parameters; "
            f"validation {best.val_accuracy:.2%} ({best.val_correct} of {best.val_n}, protocol {best.protocol})"
        )
        say(f"next: edgewbc quantize {made} --int8")
