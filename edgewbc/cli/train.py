"""`edgewbc train`: fine-tune a network from a recipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgewbc.cli.console import emit, say
from edgewbc.cli.options import Json

if TYPE_CHECKING:
    from edgewbc.data.manifest import Manifest
    from edgewbc.train.recipe import TrainRecipe
    from edgewbc.train.repeats import Repeats


def command(
    recipe: Annotated[
        str | None,
        typer.Option(help="YAML file or name of a built-in recipe. [default: vgg16gap-112; demo for synthetic cells]"),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Manifest folder. [default: the newest one here]")] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Start weights: imagenet (from EDGEWBC_WEIGHTS, else downloaded), none, or a FILE: safetensors, a "
            "PyTorch state dict (.pth), or VGG16 of Keras (.h5)."
        ),
    ] = None,
    weights_scaling: Annotated[
        str | None,
        typer.Option(
            help="Pixel scaling of a weights FILE without a model.json beside it: caffe, imagenet, lite or none."
        ),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="Run to learn from besides the labels (see distil in the recipe); repeat for an ensemble."),
    ] = None,
    shape: Annotated[
        Path | None,
        typer.Option(help="Run whose architecture to train from random weights, as a baseline for a pruned run."),
    ] = None,
    to: Annotated[Path | None, typer.Option(help="New run folder. [default: runs/<name of the recipe>]")] = None,
    resume: Annotated[Path | None, typer.Option(help="Interrupted run to resume.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="Set a key of the recipe, such as fit.epochs=2; repeatable.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=2, help="Train with this many seeds, one run each, and report mean and spread."),
    ] = None,
    find_lr: Annotated[
        bool, typer.Option("--find-lr", help="Only search for a learning rate (100 steps); nothing is written.")
    ] = False,
    track: Annotated[
        list[str] | None,
        typer.Option(help="Record the training with tensorboard, mlflow or wandb as well; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Fine-tune a network on the train split of a manifest; the best epoch on the validation split is kept.

    Runs on a CPU, a GPU, or several (`accelerate launch -m edgewbc train ...`). The test split is never read. If a
    training is interrupted, continue it with --resume.

    \b
    Example:
      edgewbc train --recipe vgg16gap-112 --data manifests/pbc --weights vgg16.safetensors --weights-scaling caffe
    """
    from edgewbc.cli import defaults
    from edgewbc.cli.training_progress import TrainingProgress
    from edgewbc.utils.optional import need

    for module in ("torch", "accelerate", "pydantic", "yaml", "safetensors"):
        need(module, "edgewbc train")
    from edgewbc.errors import UserError
    from edgewbc.train import run as steps

    shown = TrainingProgress(track or [])
    if find_lr and (seeds, resume, shape, teacher, to) != (None, None, None, None, None):
        raise UserError("--find-lr takes a recipe, data and weights alone")
    if resume is not None:
        if seeds is not None:
            raise UserError("--seeds: run the same command again to resume, without --resume")
        new = {
            "--set": change, "--recipe": recipe, "--weights": weights, "--weights-scaling": weights_scaling,
            "--teacher": teacher, "--shape": shape, "--to": to,
        }  # fmt: skip
        manifest = defaults.manifest_to_resume(resume, data, new)
        with shown.interruptible():
            made = steps.resume(resume, manifest, **shown.callbacks)
    else:
        manifest, options = _start(recipe, data, change or [], {"weights": weights, "weights_scaling": weights_scaling})
        if shape is not None:
            options = steps.shaped_like(defaults.run(shape), options)
        teachers = [defaults.run(path) for path in teacher or []]
        if find_lr:
            _find_lr(options, manifest, json)
            return
        if seeds is not None:
            from edgewbc.train import repeats

            with shown.interruptible():
                found = repeats.train(
                    options, manifest, seeds, teachers=teachers, to=to, say=say, **shown.callbacks,
                )  # fmt: skip
            if shown.first:
                emit({"file": str(found.file), **found.to_json()}) if json else print(_spread(found))
            return
        with shown.interruptible():
            made = steps.train(options, manifest, teachers=teachers, to=to, say=say, **shown.callbacks)
    if not shown.first:
        return
    best = shown.best(made)
    say(f"run: {made}")
    if json:
        emit({"run": str(made), "best": best.to_json()})
    else:
        print(
            f"{made}: validation {best.val_accuracy:.2%} ({best.val_correct} of {best.val_n}, "
            f"protocol {best.protocol}), epoch {best.epoch}; next: edgewbc prune {made}"
        )


def _start(
    recipe: str | None, data: Path | None, change: Sequence[str], given: Mapping[str, str | None]
) -> tuple[Manifest, TrainRecipe]:
    """Return the manifest and the recipe of a new run.

    Args:
        recipe: name or file; None chooses one by the images.
        data: folder of the manifest; None is the newest one, or synthetic cells.
        change: values of `--set`.
        given: values of the options that set a key of the recipe, by key; None where they were not given.
    """
    from edgewbc.cli import defaults
    from edgewbc.data.manifest import SYNTHETIC
    from edgewbc.train.recipe import TrainRecipe
    from edgewbc.train.recipe_file import parse_changes, read

    if recipe is not None:
        defaults.recipe(recipe)  # an unknown name is refused before cells are drawn
    manifest = defaults.manifest_or_synthetic(data)
    synthetic = manifest.provenance.source == SYNTHETIC
    file = defaults.recipe(recipe or ("demo" if synthetic else "vgg16gap-112"))
    if recipe is None:
        say(f"recipe: {file.stem}")
    typed = {key: value for key, value in given.items() if value is not None}
    options = {key: f"--{key.replace('_', '-')}" for key in typed}
    return manifest, read(file, TrainRecipe, {**parse_changes(change), **typed}, options)


def _find_lr(options: TrainRecipe, manifest: Manifest, json: bool) -> None:
    """Print the curve of the learning-rate finder in tenths of the decades, and its suggestions."""
    from edgewbc.train import lr_finder

    with _bar("learning-rate finder") as advance:
        curve = lr_finder.find(options, manifest, progress=advance)
    if json:
        emit(curve.to_json())
        return
    step = max(1, len(curve.rates) // 20)
    for rate, loss in list(zip(curve.rates, curve.losses, strict=True))[::step]:
        print(f"{rate:9.2e}  {loss:8.4f}")
    print(
        f"steepest at {curve.steepest:.1e}, a tenth of the minimum's {curve.tenth:.1e}; "
        f"try: --set fit.lr={curve.steepest:.1e}"
    )


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows the steps done and their number, if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _spread(found: Repeats) -> str:
    """Return one line for each run of a series, and the mean and spread."""
    lines = [
        f"{folder}: seed {seed}, validation {best.val_accuracy:.2%} ({best.val_correct} of {best.val_n}), "
        f"epoch {best.epoch}"
        for folder, seed, best in zip(found.folders, found.seeds, found.best, strict=True)
    ]
    spread = found.accuracy
    lines.append(
        f"{len(found.seeds)} seeds, protocol {found.best[0].protocol}: validation {spread.mean:.2%}, standard "
        f"deviation {spread.deviation:.2%}, {spread.low:.2%} to {spread.high:.2%} ({found.file})"
    )
    return "\n".join(lines)
