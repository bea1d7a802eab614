"""`edgewbc demo`: the whole workflow on synthetic cells."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from edgewbc.cli.console import emit, say
from edgewbc.cli.options import Json
from edgewbc.errors import INTERRUPTED

FIELDS = 10
"""Synthetic fields, which are counted at the end."""


def command(
    context: typer.Context,
    to: Annotated[Path | None, typer.Option(help="Folder to create. [default: demo, demo-2, ...]")] = None,
    cells: Annotated[int, typer.Option(min=20, help="Number of synthetic cells of each class.")] = 160,
    seconds: Annotated[float, typer.Option(help="Seconds that bench times each row.")] = 2.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the cells and of the training.")] = 0,
    json: Json = False,
) -> None:
    """Run the whole workflow on synthetic cells, from training to the report of counted fields.

    Each step is printed as the command that runs it, to be repeated with real cells. The toolkit draws the cells
    itself, so the accuracy of the small network that is trained on them says nothing about real ones. That network
    takes single cells; at the end the fields are counted by the shipped bundle wbc5-travel, which was trained on real
    cells: synthetic ones are unfamiliar to it, so a person has to decide on all of them.

    \b
    Example:
      edgewbc demo --to demo
    """
    from edgewbc.compress.nncf_logging import quiet_nncf
    from edgewbc.lab.run_microscope import FIELD_BUNDLE
    from edgewbc.report import page
    from edgewbc.utils import resources
    from edgewbc.utils.optional import need

    for module in ("torch", "accelerate", "torch_pruning", "onnx", "onnxruntime", "pydantic", "yaml"):
        need(module, "edgewbc demo")
    with quiet_nncf():  # fail now rather than after the training if NNCF is missing
        pass
    page.ready()
    folder = _folder(to)
    data, runs = folder / "cells", folder / "runs"
    result, bundle, bench, report = (folder / name for name in ("result.csv", "bundle", "bench.json", "report.html"))
    start = time.monotonic()
    steps: list[tuple[Any, ...]] = [
        ("data", "synth", "--to", data, "--cells", cells, "--fields", FIELDS, "--seed", seed),
        ("data", "audit", data),
        ("train", "--recipe", "demo", "--data", data, "--to", runs / "whole", "--set", f"fit.seed={seed}"),
        ("prune", runs / "whole", "--recipe", "demo-half", "--data", data, "--to", runs / "half"),
        ("quantize", runs / "half", "--int8", "--data", data, "--to", runs / "int8"),
        ("export", runs / "int8", "--data", data, "--name", "demo", "--to", bundle),
        ("selftest", bundle),
        ("classify", "--model", bundle, data / "cells", "--out", result),
        ("bench", "--device", "cpu", "--model", bundle, "--model", runs / "whole", "--data", data)
        # One round and no further measurements: a demonstration, not a benchmark.
        + ("--seconds", seconds, "--rounds", 1, "--no-peaks", "--no-benchmark-app", "--out", bench, "--report", report),
    ]
    case, sheet, travel = folder / "case", folder / "case.html", resources.folder("export/bundles") / FIELD_BUNDLE
    steps += [
        ("count", data / "fields", "--to", case, "--model", travel, "--case", "demo", "--by", "demo"),
        ("report", case, "--to", sheet),
    ]
    hidden = io.StringIO()
    try:
        for number, step in enumerate(steps, start=1):
            say(f"\n[{number}/{len(steps)}] $ edgewbc {' '.join(str(part) for part in step)}")
            with contextlib.redirect_stdout(hidden if json else sys.stdout):
                _run(context.find_root().command, step)
    except KeyboardInterrupt:
        say(f"\nall results so far are in {folder}; another demo starts in a new folder")
        raise
    screenshots = _screenshots(case, sheet)
    taken = time.monotonic() - start
    if json:
        files = {"folder": str(folder), "result": str(result), "bench": str(bench), "report": str(report)}
        emit(
            {
                **files,
                "case": str(case),
                "case_report": str(sheet),
                "screenshots": [str(each) for each in screenshots],
                "seconds": round(taken, 1),
            }
        )
        return
    print(f"\nThe workflow took {taken:.0f} s, on synthetic cells: its accuracy says nothing about real ones.")
    print(f"Classified cells, one row an image: {result}")
    print(f"Report of the benchmark, to open in a browser: {report}")
    print(f"Case of {FIELDS} synthetic fields, to look through and sign: edgewbc review {case}")
    print(
        f"It was counted by {FIELD_BUNDLE}, which was trained on real cells: it leaves synthetic ones for a person to "
        "decide."
    )
    print(f"Report of the case, a draft until it is signed: {sheet}")
    for path in screenshots:
        print(f"Screenshot: {path}")


def _screenshots(case: Path, sheet: Path) -> list[Path]:
    """Write screenshots of a case's review page and of its report, next to it; say why where that is not possible."""
    from edgewbc.cases.case import Case
    from edgewbc.errors import UserError
    from edgewbc.review import server
    from edgewbc.utils.browser import find_browser, screenshot, screenshot_of_address

    if find_browser() is None:
        say("no screenshot of the review page: there is no Chromium, Chrome or Edge on this PC")
        return []
    drawn = []
    try:
        screenshot(sheet, sheet.with_suffix(".png"), 900, 1250)
        drawn.append(sheet.with_suffix(".png"))
        with Case.open(case) as opened, server.serving(opened, by="demo") as address:
            screenshot_of_address(address, review := sheet.with_name("review.png"))
        drawn.append(review)
    except UserError as error:
        say(str(error))
    return drawn


def _run(root: Any, step: tuple[Any, ...]) -> None:
    """Run one command of `edgewbc` in this process. Its errors propagate, and Ctrl-C is raised as such."""
    code = root.main([str(part) for part in step], prog_name="edgewbc", standalone_mode=False)
    if code == INTERRUPTED:  # Click catches KeyboardInterrupt and returns this code
        raise KeyboardInterrupt
    if isinstance(code, int) and code:
        raise RuntimeError(f"edgewbc {step[0]} ended with exit code {code}")


def _folder(to: Path | None) -> Path:
    """Create and return an empty folder: `to`, or the first of demo, demo-2, ... that does not exist."""
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
