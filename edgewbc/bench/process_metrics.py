"""Commands in processes of their own: how long a start takes, and how much memory a long run holds."""

from __future__ import annotations

import os
import shutil
import subprocess  # noqa: S404
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from edgewbc.errors import UserError
from edgewbc.utils import subprocesses

LONGEST = 7200
"""Seconds after which a command is given up."""

LINKS = 20_000
"""Most names for one file: file systems have a limit (65,000 on ext4)."""

_COMMAND = "import sys; from edgewbc.cli.main import main; main(sys.argv[1:])"
_MEMORY = """
import sys
from edgewbc.cli.main import main
try:
    main(sys.argv[1:])
finally:
    from edgewbc.bench.memory import peak
    from edgewbc.utils.subprocesses import write_result
    write_result(peak())
"""


def help_time(runs: int = 5) -> dict[str, Any]:
    """Seconds of `edgewbc --help`, from the start of the process to its end: median, and runs."""
    return _several([_timed(["--help"]) for _ in range(runs)])


def cold_start(bundle: Path, picture: Path, threads: int | None = None, runs: int = 5) -> dict[str, Any]:
    """Seconds of `edgewbc classify` on one picture, from the start of the process to its end (by when the label is
    written; so this is no less than the time to the label): median, and runs. The first run, which may have to read
    the program from a cold disk, is not counted."""
    found = []
    for _ in range(runs + 1):
        with tempfile.TemporaryDirectory(prefix="edgewbc-bench-") as folder:  # anew: nothing is gone on with
            place = Path(folder) / picture.name
            shutil.copyfile(picture, place)
            found.append(_timed(["classify", *_model(bundle, threads), str(place), "--out", f"{folder}/rows.csv"]))
    return _several(found[1:])


def memory(bundle: Path, pictures: Sequence[Path], count: int, threads: int | None = None) -> dict[str, Any]:
    """Peak resident memory of `edgewbc classify --out` on a folder of `count` pictures, journal and all.

    The folder holds the pictures again and again, under new names (hard links, or copies where there are none).

    Returns:
        pictures, peak_mb (10^6 bytes; None where the system does not tell), and seconds and images_per_s of the whole
        command.
    """
    with tempfile.TemporaryDirectory(prefix="edgewbc-bench-", dir=pictures[0].parent) as folder:
        cells = Path(folder) / "cells"
        cells.mkdir()
        for index in range(count):
            picture = pictures[index % len(pictures)]
            place = cells / f"{index:07d}{picture.suffix}"
            try:
                if index >= LINKS * len(pictures):
                    raise OSError("enough links")
                os.link(picture, place)
            except OSError:
                shutil.copyfile(picture, place)
        start = time.perf_counter()
        command = ["classify", *_model(bundle, threads), str(cells), "--out", f"{folder}/rows.csv"]
        peak = _run(_MEMORY, command)
        seconds = time.perf_counter() - start
        with Path(folder, "rows.csv").open("rb") as file:
            rows = sum(1 for _ in file) - 1
    if rows != count:
        raise RuntimeError(f"{count} pictures and {rows} rows")
    return {
        "pictures": count,
        "peak_mb": None if peak is None else round(peak / 1e6, 1),
        "seconds": round(seconds, 2),
        "images_per_s": round(count / seconds, 1),
    }


def _model(bundle: Path, threads: int | None) -> list[str]:
    return ["--model", str(bundle), *([] if threads is None else ["--threads", str(threads)])]


def _timed(arguments: Sequence[str]) -> float:
    start = time.perf_counter()
    _run(_COMMAND, arguments)
    return time.perf_counter() - start


def _run(script: str, arguments: Sequence[str]) -> Any:
    """Run a command line in a fresh process; what it told, if anything. Raises UserError if it fails."""
    try:
        ran = subprocesses.run(["-c", script, *arguments], timeout=LONGEST)
    except subprocess.TimeoutExpired:
        raise UserError(f"edgewbc {arguments[0]} did not end in {LONGEST} s: give fewer --pictures") from None
    if ran.returncode:
        raise UserError(f"edgewbc {arguments[0]} ended with {ran.returncode}: {subprocesses.last_words(ran.stderr)}")
    return subprocesses.read_result(ran)


def _several(seconds: Sequence[float]) -> dict[str, Any]:
    return {"median": round(median(seconds), 4), "runs": [round(value, 4) for value in seconds]}
