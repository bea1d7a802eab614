"""`edgewbc quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgewbc.cli.console import emit, progress, say
from edgewbc.errors import UserError

RECIPE = "qat"


def command(
    run: Annotated[
        Path | None, typer.Argument(help="Run folder to quantize (default: the newest that is not quantized).")
    ] = None,
    named: Annotated[Path | None, typer.Option("--run", help="The same, as an option.")] = None,
    int8: Annotated[bool, typer.Option("--int8", help="To 8-bit integers: the default, and all there is.")] = True,
    data: Annotated[Path | None, typer.Option(help="Manifest (default: the newest here).")] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(help="Accuracy that may be lost on validation, as a share: 0.003 is 0.3 points (default: any)."),
    ] = None,
    subset: Annotated[int, typer.Option(help="Calibration pictures, drawn from train, classes alike.")] = 300,
    seed: Annotated[int, typer.Option(help="Of that draw.")] = 0,
    preset: Annotated[
        str, typer.Option(help="mixed (activations may be asymmetric) or performance (symmetric).")
    ] = "mixed",
    fast_bias_correction: Annotated[
        bool, typer.Option(help="The quick bias correction; the exact one takes many times as long.")
    ] = True,
    overflow_fix: Annotated[
        str | None,
        typer.Option(
            help="Layers whose weights keep to half of the int8 range, against saturation on CPUs without VNNI: "
            "first (the default), all or none."
        ),
    ] = None,
    safe: Annotated[bool, typer.Option("--safe", help="For any CPU: the same as --overflow-fix all.")] = False,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Measure what each layer loses by int8, and rank them.")
    ] = False,
    check_isa: Annotated[
        bool, typer.Option("--check-isa", help="Ask the int8 file as a CPU without VNNI would run it, too.")
    ] = False,
    qat: Annotated[
        bool, typer.Option("--qat", help="Fine-tune with the quantization in the loop (takes as long as a training).")
    ] = False,
    recipe: Annotated[
        str | None, typer.Option(help="With --qat: a YAML file, or the name of a recipe that ships (default: qat).")
    ] = None,
    teacher: Annotated[
        list[Path] | None, typer.Option(help="With --qat: run to learn from (default: RUN); repeat it for several.")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="With --qat: change a key, such as fit.epochs=2.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Run folder to make (default: runs/<run>-int8, or -qat).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Quantize a network to int8, for OpenVINO and for ONNX Runtime.

    Calibrated on train pictures; the saved files are measured on validation. The test split is never read. With
    --max-drop, layers are put back to float until the drop is met; exit code 3 if it is not. With --qat the network is
    fine-tuned in int8 first, from the float network's answers, and --max-drop is a gate alone; its ONNX file needs
    torchao: pip install "edgewbc[qat]".

    \b
    Example:
      edgewbc quantize runs/vgg16gap-112-quarter --int8 --data manifests/pbc --max-drop 0.003
    """
    from edgewbc.cli import defaults
    from edgewbc.utils.files import read_json
    from edgewbc.utils.optional import need

    if preset not in ("mixed", "performance"):
        raise UserError(f"--preset {preset}: use mixed or performance")
    if safe and overflow_fix not in (None, "all"):
        raise UserError(f"--safe is --overflow-fix all: leave --overflow-fix {overflow_fix} out")
    for option, given in (("--recipe", recipe), ("--teacher", teacher), ("--set", change)):
        if given and not qat:
            raise UserError(f"{option}: is for quantization-aware fine-tuning: add --qat")
    for module in ("torch", "safetensors", *(("accelerate", "pydantic", "yaml") if qat else ())):
        need(module, "edgewbc quantize")
    from edgewbc.compress.ptq import Options
    from edgewbc.compress.quantization_report import RECORD, Checks

    settings: dict[str, Any] = {
        "subset": subset,
        "max_drop": max_drop,
        "seed": seed,
        "preset": preset,
        "fast_bias_correction": fast_bias_correction,
        "overflow_fix": "all" if safe else overflow_fix or "first",
    }
    options, checks = Options(**settings), Checks(sensitivity=sensitivity, isa=check_isa)
    chosen = defaults.run(run or named, lacking="openvino/int8.xml")
    manifest = defaults.manifest(data)
    if qat:
        from edgewbc.cli.training_progress import Watch
        from edgewbc.compress.qat import QatRecipe, finetune
        from edgewbc.train.recipe import parse_changes, read

        watch = Watch()
        fit = read(defaults.recipe(recipe or RECIPE), QatRecipe, parse_changes(change or []))
        teachers = [defaults.run(path) for path in teacher or []]
        made = finetune(
            chosen, fit, manifest, options, teachers=teachers, to=to, checks=checks, say=say, steps=progress,
            progress=watch.progress, report=watch.report,
        )  # fmt: skip
    else:
        from edgewbc.compress.quantize import quantize

        made = quantize(chosen, manifest, to=to, checks=checks, progress=progress, **settings)
    record = read_json(made / RECORD, "the record of a quantization")
    say(f"run: {made}")
    if as_json:
        emit({"run": str(made), **record})
        return
    from edgewbc.compress import tables

    parts = [tables.accuracy(record)]
    parts += [tables.sensitivity(record)] if sensitivity else []
    parts += [tables.isa(record)] if check_isa else []
    print("\n\n".join(parts))
    say(f"next: edgewbc export {made}")
