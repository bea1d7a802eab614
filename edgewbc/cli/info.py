"""`edgewbc info`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from edgewbc.cli.console import emit, say
from edgewbc.errors import UserError


def command(
    net: Annotated[
        str,
        typer.Argument(
            help="vgg16gap, vgg16flatten, vgg16 (the stock ImageNet network), efficientnet-lite0, edgenet; or a run "
            "folder, or a bundle."
        ),
    ],
    classes: Annotated[
        int | None, typer.Option(min=1, help="Outputs of a named architecture (default: 5; 1000 for vgg16).")
    ] = None,
    input: Annotated[
        str | None, typer.Option(help="Input size, such as 112 or 96x128 (default: 224, or that of the run).")
    ] = None,
    freeze: Annotated[int, typer.Option(min=0, help="Blocks that stay as they are, for the trainable count.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Show a network layer by layer: output shape, parameters, multiply-adds, and their totals.

    \b
    Example:
      edgewbc info vgg16gap --classes 4
    """
    from edgewbc.utils.optional import need

    for module in ("torch", "safetensors"):
        need(module, "edgewbc info")
    from edgewbc.cli.network_info import info, resolve

    found = info(resolve(net, classes, None if input is None else _size(input)), freeze)
    if as_json:
        emit(found)
        return
    print(_table(found))
    say(f"head: {found['parts']['head']:,} of the {found['parameters']:,} parameters")


def _size(text: str) -> tuple[int, int]:
    """`112` or `96x128` (height x width) as two numbers. Raises UserError for anything else."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise UserError(f"--input {text}: write a size as 112, or as height x width: 96x128")
    return int(parts[0]), int(parts[-1])


def _table(found: dict[str, Any]) -> str:
    from edgewbc.utils.text import table

    rows = [
        [
            layer["name"],
            layer["kind"],
            " x ".join(str(size) for size in layer["output"]),
            f"{layer['parameters']:,}",
            f"{layer['macs']:,}",
        ]
        for layer in found["layers"]
    ]
    rows.append([found["arch"], found["form"], "total", f"{found['parameters']:,}", f"{found['macs']:,}"])
    rows.append(["", "", "trainable", f"{found['trainable']:,}", ""])
    return table(["layer", "kind", "output", "parameters", "multiply-adds"], rows, left=2)
