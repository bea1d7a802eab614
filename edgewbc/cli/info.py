"""`edgewbc info`: describe a network layer by layer, or a bundle by its manifest."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgewbc.cli.console import emit, say
from edgewbc.cli.options import Json
from edgewbc.errors import UserError

if TYPE_CHECKING:
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli.network_info import NetworkInfo


def command(
    net: Annotated[
        str,
        typer.Argument(
            help="Architecture (vgg16gap, vgg16flatten, efficientnet-lite0, edgenet, or vgg16 for the stock ImageNet "
            "network), run folder, or bundle."
        ),
    ],
    classes: Annotated[
        int | None,
        typer.Option(min=1, help="Number of outputs of a named architecture. [default: 5; 1000 for vgg16]"),
    ] = None,
    input: Annotated[
        str | None,
        typer.Option(help="Input size in pixels, such as 112 or 96x128 (height x width). [default: 224, or the run's]"),
    ] = None,
    freeze: Annotated[
        int, typer.Option(min=0, help="Number of blocks to count as frozen, from the first; for the trainable total.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Describe a network layer by layer: output shape, parameters and multiply-adds, with totals.

    Where torch is not installed, a bundle is described from its manifest alone: network, input, files, accuracy.

    \b
    Example:
      edgewbc info vgg16gap --classes 4
    """
    from edgewbc.utils.optional import TRAIN, need

    path = Path(net)
    plain = classes is None and input is None and freeze == 0
    if plain and importlib.util.find_spec("torch") is None and path.exists() and not (path / "model.json").exists():
        from edgewbc.bundle.bundle import Bundle

        summary = bundle_summary(Bundle.open(path))
        if as_json:
            emit(summary)
        else:
            print(_summary_table(summary))
            say(f"layer by layer: needs torch ({TRAIN})")
        return
    for module in ("torch", "safetensors"):
        need(module, "edgewbc info")
    from edgewbc.cli.network_info import info, resolve

    found = info(resolve(net, classes, None if input is None else _size(input)), freeze)
    if as_json:
        emit(found.to_json())
        return
    print(_table(found))
    say(f"head: {found.parts['head']:,} of the {found.parameters:,} parameters")


def bundle_summary(bundle: Bundle) -> dict[str, Any]:
    """Return the summary in a bundle's manifest, as JSON; keys shared with `NetworkInfo.to_json` mean the same."""
    manifest = bundle.manifest.to_json()
    sizes = {p: {b: bundle.size(b, p) for b in backends} for p, backends in manifest["files"].items()}
    return {
        "name": bundle.name,
        "arch": manifest.get("arch"),
        "form": manifest.get("form"),
        "classes": len(bundle.classes),
        "class_names": list(bundle.classes),
        "height": bundle.pixels.height,
        "width": bundle.pixels.width,
        "channels": manifest.get("channels"),
        "head": manifest.get("head_widths"),
        "parameters": manifest.get("parameters"),
        "macs": manifest.get("macs"),
        "sizes": sizes,
        "default_precision": bundle.default_precision,
        "review_below": manifest.get("review_below"),
        "views": manifest.get("views"),
        "calibration": manifest.get("calibration"),
        "familiarity": manifest.get("familiarity"),
        "evidence": manifest.get("evidence", []),
        "created": manifest.get("created"),
        "edgewbc": manifest.get("edgewbc"),
    }


def _summary_table(summary: dict[str, Any]) -> str:
    """Return a bundle's summary as two columns."""
    from edgewbc.smear.views import Views
    from edgewbc.utils.text import interval, percent, table

    def number(key: str) -> str:
        return f"{summary[key]:,}" if isinstance(summary[key], int) else "not stated"

    rows = [
        ["network", str(summary["arch"] or "not stated")],
        ["classes", ", ".join(summary["class_names"])],
        ["input", f"{summary['height']} x {summary['width']}"],
        ["parameters", number("parameters")],
        ["multiply-adds", number("macs")],
    ]
    for precision, backends in summary["sizes"].items():
        mark = " (default)" if precision == summary["default_precision"] else ""
        rows.append([f"{precision}{mark}", ", ".join(f"{b} {size / 1e6:.2f} MB" for b, size in backends.items())])
    rows += [
        [
            f"accuracy, {row['backend']} {row['precision']}",
            f"{percent(row['accuracy'])} ({interval(row['interval'])}), {row['correct']} of {row['n']}, "
            f"{row['protocol']} {row['split']}",
        ]
        for row in summary["evidence"]
    ]
    calibration, known = summary["calibration"], summary["familiarity"]
    views = "" if summary["views"] is None else f", by the lowest of {len(Views.from_json(summary['views']))} views"
    rows += [
        ["review below", "not stated" if summary["review_below"] is None else f"{summary['review_below']:.4f}{views}"],
        ["calibration", "none" if calibration is None else f"temperature {calibration['temperature']:g}"],
        [
            "unfamiliar cells",
            "are not told"
            if known is None
            else f"learned from {known['trained_on']} training cells, {percent(known['false_alarms'])} false alarms",
        ],
    ]
    rows.append(["exported", f"{summary['created']} by edgewbc {summary['edgewbc']}"])
    return table(["bundle", summary["name"]], rows, left=2)


def _size(text: str) -> tuple[int, int]:
    """Parse `112` or `96x128` as (height, width) in pixels. Raises UserError for anything else."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise UserError(f"--input {text}: write a size as 112, or as height x width: 96x128")
    return int(parts[0]), int(parts[-1])


def _table(found: NetworkInfo) -> str:
    """Return the layers and totals of a network as aligned columns."""
    from edgewbc.utils.text import table

    rows = [
        [
            layer.name,
            layer.kind,
            " x ".join(str(size) for size in layer.output),
            f"{layer.parameters:,}",
            f"{layer.macs:,}",
        ]
        for layer in found.layers
    ]
    rows.append([found.spec.arch, found.spec.form, "total", f"{found.parameters:,}", f"{found.macs:,}"])
    rows.append(["", "", "trainable", f"{found.trainable:,}", ""])
    return table(["layer", "kind", "output", "parameters", "multiply-adds"], rows, left=2)
