"""`edgewbc quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgewbc.cli.console import emit, progress, say
from edgewbc.errors import UserError


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
    to: Annotated[Path | None, typer.Option(help="Run folder to make (default: runs/<run>-int8).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Quantize a network to int8, for OpenVINO and for ONNX Runtime.

    Calibrated on train pictures; the saved files are measured on validation. The test split is never read. With
    --max-drop, layers are put back to float until the drop is met; exit code 3 if it is not.

    \b
    Example:
      edgewbc quantize runs/vgg16gap-112-quarter --int8 --data manifests/pbc --max-drop 0.003
    """
    from edgewbc.cli import defaults
    from edgewbc.extras import need
    from edgewbc.files import read_json

    if preset not in ("mixed", "performance"):
        raise UserError(f"--preset {preset}: use mixed or performance")
    for module in ("torch", "safetensors"):
        need(module, "edgewbc quantize")
    from edgewbc.compress.quantize import RECORD, quantize

    chosen = defaults.run(run or named, lacking="openvino/int8.xml")
    made = quantize(
        chosen,
        defaults.manifest(data),
        to=to,
        subset=subset,
        max_drop=max_drop,
        seed=seed,
        preset="mixed" if preset == "mixed" else "performance",
        fast_bias_correction=fast_bias_correction,
        progress=progress,
    )
    record = read_json(made / RECORD, "the record of a quantization")
    say(f"run: {made}")
    if as_json:
        emit({"run": str(made), **record})
    else:
        print(_table(record))
        say(f"next: edgewbc export {made}")


def _table(record: dict[str, Any]) -> str:
    from edgewbc.report.text import interval, percent, table

    rows = []
    for row in record["validation"]:
        int8 = row["precision"] == "int8"
        lost = record["drop"][row["backend"]]["drop"]
        kept = record["operations"][row["backend"]]
        layers = f"{len(kept['int8'])} of {len(kept['int8']) + len(kept['float'])}" if int8 else "-"
        rows.append(
            [
                f"{row['backend']} {row['precision']}",
                f"{row['correct']} of {row['n']}",
                percent(row["accuracy"]),
                interval(row["interval"]),
                f"{-100 * lost:+.2f} points" if int8 else "-",
                layers,
            ]
        )
    counted = f"validation, protocol {record['protocol']}"
    header = ["saved file", counted, "accuracy", "95 % interval", "to f32", "layers in int8"]
    return table(header, rows)
