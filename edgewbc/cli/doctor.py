"""`edgewbc doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgewbc.cli.console import emit, say
from edgewbc.errors import UserError


def command(
    model: Annotated[
        Path | None,
        typer.Option(help="Bundle, a folder or a zip. [default: the newest in ./bundles, else the shipped]"),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Processors to use, decoding and all; the others stay free. [default: all]"),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.0, help="How long each candidate is measured; with 0 nothing is remembered.")
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say what this PC is, and find out how the bundle is best run on it: precision, streams and threads.

    Each candidate is timed for a second. The best one whose answers are the bundle's own is remembered in this user's
    cache folder, for this bundle and processor, and `classify` runs so from then on (under the same --threads).

    \b
    Example:
      edgewbc doctor
    """
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import defaults
    from edgewbc.lab.doctor import diagnose

    try:
        path = defaults.bundle(model)
    except UserError as error:  # no bundle came with this installation: the PC can be looked at all the same
        say(f"no bundle: {error}")
        path = None
    told = diagnose(None if path is None else Bundle.open(path), seconds=seconds, threads=threads)
    if as_json:
        emit(told)
    else:
        print(_lines(told))


def _lines(told: dict[str, Any]) -> str:
    bundle, gain = told["bundle"], told["int8"]
    held = "" if bundle is None else f"{bundle['path']} ({bundle['name']}: {', '.join(bundle['precisions'])})"
    facts = {
        "CPU": told["cpu"],
        "instructions": f"{told['isa']} (OpenVINO: {', '.join(told['capabilities'])})",
        "cores": f"{told['cores']}; the network takes {gain['threads']}",
        "memory": f"{_size(told['memory_gb'])}, of which {_size(told['memory_free_gb'])} free",
        "system": f"{told['os']}, Python {told['python']}",
        "versions": ", ".join(f"{name} {version}" for name, version in told["versions"].items()),
        "bundle": held or "none",
        "int8": f"{gain['int8_ms']:.2f} ms a picture, f32 {gain['f32_ms']:.2f} ms "
        f"(medians of {gain['n']}, {gain['network']}): {_verdict(gain)}",
        "best": "no bundle to measure" if told["tuning"] is None else _best(told["tuning"]),
    }
    width = max(map(len, facts))
    lines = [f"{name.ljust(width)}  {value}" for name, value in facts.items()]
    if told["tuning"] is not None:
        lines += ["", *_measured(told["tuning"]["measured"])]
    return "\n".join(lines)


def _best(tuned: dict[str, Any]) -> str:
    choice = tuned["choice"]
    if choice is None:
        return "no model of the bundle gives the expected as it must: run edgewbc selftest"
    said = f"{_kind(choice)}, {choice['threads']} threads in {choice['streams']} streams"
    kept = tuned["remembered"]
    return f"{said}: remembered in {kept}" if kept else f"{said}: not remembered ({tuned['reason']})"


def _measured(found: list[dict[str, Any]]) -> list[str]:
    from edgewbc.utils import text

    golden = {True: "as they must be", False: "differ: not taken", None: "not known"}
    rows = [
        [_kind(row), str(row["threads"]), str(row["streams"]), f"{row['images_per_s']:.1f}", golden[row["golden"]]]
        for row in found
    ]
    return text.table(["precision", "threads", "streams", "images/s", "answers"], rows).splitlines()


def _kind(row: dict[str, Any]) -> str:
    return "bf16" if row["compute"] == "bf16" else str(row["precision"])


def _verdict(gain: dict[str, Any]) -> str:
    if gain["pays"]:
        return f"int8 pays here, {gain['ratio']:.1f} times as fast"
    return f"int8 does not pay here, {gain['ratio']:.1f} times as fast: where accuracy matters, take --precision f32"


def _size(gb: float | None) -> str:
    return "unknown" if gb is None else f"{gb:.1f} GB"
