"""`edgewbc doctor`: describe this PC and find the fastest configuration for a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgewbc.cli.console import emit, say
from edgewbc.cli.options import Json, ShippedBundle
from edgewbc.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgewbc.lab.doctor import Diagnosis, TuningResult
    from edgewbc.runtime.int8_speedup import Int8Speedup
    from edgewbc.runtime.tuning import Measured


def command(
    model: ShippedBundle = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Number of CPU cores to measure with and use later. [default: all]")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.0, help="Seconds to measure each configuration; with 0, nothing is saved.")
    ] = 1.0,
    as_json: Json = False,
) -> None:
    """Describe this PC and find the fastest configuration for a bundle: precision, streams and threads.

    Each configuration is measured for a second. The fastest one that reproduces the bundle's golden samples is saved in
    this user's cache folder, for this bundle and processor; `classify` uses it from then on (for the same --threads).

    \b
    Example:
      edgewbc doctor
    """
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import defaults
    from edgewbc.lab.doctor import diagnose

    try:
        path = defaults.bundle(model)
    except UserError as error:
        if model is not None:
            raise
        say(f"no bundle: {error}")  # the PC can be described without one
        path = None
    diagnosis = diagnose(None if path is None else Bundle.open(path), seconds=seconds, threads=threads)
    if as_json:
        emit(diagnosis.to_json())
    else:
        print(_report(diagnosis))


def _report(found: Diagnosis) -> str:
    from edgewbc.bundle.training_images import UNDESCRIBED

    bundle, int8 = found.bundle, found.int8
    facts = {
        "CPU": found.cpu,
        "instructions": f"{int8.isa} (OpenVINO: {', '.join(found.capabilities)})",
        "cores": f"{found.cores}; the network uses {int8.threads}",
        "memory": f"{_size(found.memory_gb)}, of which {_size(found.memory_free_gb)} free",
        "system": f"{found.os}, Python {found.python}",
        "versions": ", ".join(f"{name} {version}" for name, version in found.versions.items()),
        "bundle": "none" if bundle is None else f"{bundle.path} ({bundle.name}: {', '.join(bundle.precisions)})",
        "int8": f"{int8.int8_ms:.2f} ms per image, f32 {int8.f32_ms:.2f} ms "
        f"(medians of {int8.n}, {int8.network}): {_verdict(int8)}",
        "best": "no bundle to measure" if found.tuning is None else _best(found.tuning),
    }
    width = max(map(len, facts))
    lines = [f"{name.ljust(width)}  {value}" for name, value in facts.items()]
    if bundle is not None and bundle.manifest.training_images is None:
        lines += ["", UNDESCRIBED]
    if found.tuning is not None:
        lines += ["", *_table(found.tuning.measured)]
    return "\n".join(lines)


def _best(tuned: TuningResult) -> str:
    choice = tuned.choice
    if choice is None:
        return "no model of the bundle reproduces its golden samples here: run edgewbc selftest"
    best = f"{choice.kind}, {choice.threads} threads in {choice.streams} streams"
    return f"{best}: saved in {tuned.remembered}" if tuned.remembered else f"{best}: not saved ({tuned.reason})"


def _table(measured: Sequence[Measured]) -> list[str]:
    from edgewbc.utils import text

    golden = {True: "match", False: "differ: not used", None: "not known"}
    rows = [
        [
            row.choice.kind,
            str(row.choice.threads),
            str(row.choice.streams),
            f"{row.images_per_s:.1f}",
            golden[row.golden],
        ]
        for row in measured
    ]
    return text.table(["precision", "threads", "streams", "images/s", "golden samples"], rows).splitlines()


def _verdict(int8: Int8Speedup) -> str:
    if int8.worthwhile:
        return f"int8 is worth using here, {int8.ratio:.1f} times as fast"
    return f"int8 is not worth using here, {int8.ratio:.1f} times as fast: use --precision f32 where accuracy matters"


def _size(gb: float | None) -> str:
    return "unknown" if gb is None else f"{gb:.1f} GB"
