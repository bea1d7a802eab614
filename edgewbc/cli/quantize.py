"""`edgewbc quantize`: quantize a network to int8."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgewbc.cli.console import emit, progress, say
from edgewbc.cli.options import Json
from edgewbc.errors import UserError

RECIPE = "qat"


def command(
    run: Annotated[
        Path | None, typer.Argument(help="Run folder to quantize. [default: the newest that is not quantized]")
    ] = None,
    named: Annotated[Path | None, typer.Option("--run", help="The same, as an option.")] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Quantize to 8-bit integers (the default and only precision).")
    ] = True,
    data: Annotated[Path | None, typer.Option(help="Manifest folder. [default: the newest one here]")] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(help="Largest loss of validation accuracy, as a share: 0.003 is 0.3 points. [default: no limit]"),
    ] = None,
    subset: Annotated[
        int, typer.Option(help="Number of calibration images, drawn from train, balanced by class.")
    ] = 300,
    seed: Annotated[int, typer.Option(help="Random seed of the calibration images.")] = 0,
    preset: Annotated[
        str, typer.Option(help="mixed (activations may be asymmetric) or performance (symmetric).")
    ] = "mixed",
    fast_bias_correction: Annotated[
        bool, typer.Option(help="Use the fast bias correction; the exact one takes many times as long.")
    ] = True,
    overflow_fix: Annotated[
        str | None,
        typer.Option(
            help="Layers whose weights use half of the int8 range, to avoid saturation on CPUs without VNNI: "
            "all (the default), first or none. With first or none, the network may be wrong on such CPUs."
        ),
    ] = None,
    safe: Annotated[bool, typer.Option("--safe", help="The same as --overflow-fix all, the default.")] = False,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Measure how much each layer loses in int8, and rank the layers.")
    ] = False,
    check_isa: Annotated[
        bool, typer.Option("--check-isa", help="Also measure the int8 file as a CPU without VNNI would run it.")
    ] = False,
    qat: Annotated[
        bool, typer.Option("--qat", help="Quantization-aware fine-tuning (takes as long as a training).")
    ] = False,
    recipe: Annotated[
        str | None, typer.Option(help="With --qat: YAML file or name of a built-in recipe. [default: qat]")
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="With --qat: run to learn from; repeat for an ensemble. [default: RUN]"),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="With --qat: set a key of the recipe, such as fit.epochs=2; repeatable."),
    ] = None,
    to: Annotated[Path | None, typer.Option(help="New run folder. [default: runs/<run>-int8, or -qat]")] = None,
    as_json: Json = False,
) -> None:
    """Quantize a network to int8, for OpenVINO and for ONNX Runtime.

    Calibrates on train images and measures the saved files on validation images; the test split is never read. With
    --max-drop, layers are reverted to float until the limit is met; exit code 3 if it cannot be. With --qat the network
    is first fine-tuned in int8 with the float network as teacher, and --max-drop is only a gate; writing its ONNX file
    requires torchao: pip install "edgewbc[qat]".

    \b
    Example:
      edgewbc quantize runs/vgg16gap-112-quarter --int8 --data manifests/pbc --max-drop 0.003
    """
    from edgewbc.cli import defaults
    from edgewbc.utils.optional import need

    if preset not in ("mixed", "performance"):
        raise UserError(f"--preset {preset}: use mixed or performance")
    if safe and overflow_fix not in (None, "all"):
        raise UserError(f"--safe means --overflow-fix all: remove --overflow-fix {overflow_fix}")
    for option, given in (("--recipe", recipe), ("--teacher", teacher), ("--set", change)):
        if given and not qat:
            raise UserError(f"{option}: only for quantization-aware fine-tuning: add --qat")
    for module in ("torch", "safetensors", *(("accelerate", "pydantic", "yaml") if qat else ())):
        need(module, "edgewbc quantize")
    from edgewbc.compress.ptq import PTQOptions
    from edgewbc.compress.quantization_report import Checks, QuantizationReport

    settings: dict[str, Any] = {
        "subset": subset,
        "max_drop": max_drop,
        "seed": seed,
        "preset": preset,
        "fast_bias_correction": fast_bias_correction,
        "overflow_fix": overflow_fix or "all",
    }
    options, checks = PTQOptions(**settings), Checks(sensitivity=sensitivity, isa=check_isa)
    chosen = defaults.run(run or named, lacking="openvino/int8.xml")
    manifest = defaults.manifest(data)
    try:
        if qat:
            from edgewbc.cli.training_progress import TrainingProgress
            from edgewbc.compress.qat import QatRecipe, finetune
            from edgewbc.train.recipe_file import parse_changes, read

            shown = TrainingProgress()
            fit = read(defaults.recipe(recipe or RECIPE), QatRecipe, parse_changes(change or []))
            teachers = [defaults.run(path) for path in teacher or []]
            made = finetune(
                chosen, fit, manifest, options, teachers=teachers, to=to, checks=checks, say=say, steps=progress,
                **shown.callbacks,
            )  # fmt: skip
        else:
            from edgewbc.compress.quantize import quantize

            made = quantize(chosen, manifest, to=to, checks=checks, progress=progress, **settings)
    except KeyboardInterrupt:
        say("nothing was written; run the same command to start again")
        raise
    report = QuantizationReport.read(made)
    say(f"run: {made}")
    if as_json:
        emit({"run": str(made), **report.to_json()})
        return
    from edgewbc.compress import tables

    measured = report.measured
    parts = [tables.accuracy(measured)]
    parts += [] if measured.sensitivity is None else [tables.sensitivity(measured.sensitivity)]
    parts += [] if measured.isa is None else [tables.isa(measured.isa)]
    print("\n\n".join(parts))
    say(f"next: edgewbc export {made}")
