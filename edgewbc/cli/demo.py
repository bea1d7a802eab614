"""`edgewbc demo`."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from edgewbc.cli.console import emit, say


def command(
    context: typer.Context,
    to: Annotated[Path | None, typer.Option(help="Folder to make (default: demo, demo-2, ...).")] = None,
    cells: Annotated[int, typer.Option(min=20, help="Synthetic cells of each type.")] = 160,
    seconds: Annotated[float, typer.Option(help="How long bench times each row.")] = 2.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Run the whole chain on synthetic cells: train, prune, quantize, export, selftest, bench, classify.

    Each step is printed as the command that does it, so that it can be repeated with real cells. The cells are drawn
    by the toolkit, and the accuracy of the small network that is trained on them says nothing about real ones.

    \b
    Example:
      edgewbc demo --to demo
    """
    from edgewbc.compress.nncf_logging import quiet_nncf
    from edgewbc.utils.optional import need

    for module in ("torch", "accelerate", "torch_pruning", "onnx", "onnxruntime", "pydantic", "yaml"):
        need(module, "edgewbc demo")
    with quiet_nncf():  # so that it is missed now, and not after the training
        pass
    folder = _folder(to)
    data, runs = folder / "cells", folder / "runs"
    result, bundle, bench = folder / "result.csv", folder / "bundle", folder / "bench.json"
    began = time.monotonic()
    steps: list[tuple[Any, ...]] = [
        ("data", "synth", "--to", data, "--cells", cells, "--fields", 2, "--seed", seed),
        ("data", "audit", data),
        ("train", "--recipe", "demo", "--data", data, "--to", runs / "whole", "--set", f"fit.seed={seed}"),
        ("prune", runs / "whole", "--recipe", "demo-half", "--data", data, "--to", runs / "half"),
        ("quantize", runs / "half", "--int8", "--data", data, "--to", runs / "int8"),
        ("export", runs / "int8", "--data", data, "--name", "demo", "--to", bundle),
        ("selftest", bundle),
        ("classify", "--model", bundle, data / "cells", "--out", result),
        ("bench", "--device", "cpu", "--model", bundle, "--model", runs / "whole", "--data", data)
        # One turn a row, and nothing beside it: a demonstration, not a measurement.
        + ("--seconds", seconds, "--rounds", 1, "--no-peaks", "--no-benchmark-app", "--out", bench),
    ]
    shown = io.StringIO()
    for step in steps:
        say(f"\n$ edgewbc {' '.join(str(part) for part in step)}")
        with contextlib.redirect_stdout(shown if json else sys.stdout):
            _run(context.find_root().command, step)
    taken = time.monotonic() - began
    if json:
        emit({"folder": str(folder), "result": str(result), "bench": str(bench), "seconds": round(taken, 1)})
        return
    print(f"\nThe chain took {taken:.0f} s, on synthetic cells: its accuracy says nothing about real ones.")
    print(f"One row a picture: {result}")


def _run(root: Any, step: tuple[Any, ...]) -> None:
    """Run one command of `edgewbc` in this process, as if typed; its errors are raised as they are."""
    code = root.main([str(part) for part in step], prog_name="edgewbc", standalone_mode=False)
    if isinstance(code, int) and code:
        raise RuntimeError(f"edgewbc {step[0]} ended with exit code {code}")


def _folder(to: Path | None) -> Path:
    """A folder that is empty: the one named, or the first of demo, demo-2, ... that is free."""
    from edgewbc.errors import UserError
    from edgewbc.utils.files import numbered, occupied

    if to is not None:
        if occupied(to):
            raise UserError(f"{to}: is not an empty folder: give another --to")
        to.mkdir(parents=True, exist_ok=True)
        return to
    found = next(path for path in numbered(Path("demo")) if not path.exists())
    found.mkdir()
    return found
