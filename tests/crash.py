"""Kill, starve and repeat the lab side until it loses something: the promises of docs/reliability.md, counted.

    python -m tests.crash --seed 0 --out bench/results/reliability.json

Every part works on synthetic cells in a temporary folder, with fresh processes:

- `classify`: killed at random moments, then run again to the end. The result file must be byte-identical to that of an
  uninterrupted run, with one result per image.
- `watch`: the same for `classify --watch`, while images are being saved.
- `training`: a small training killed at random moments and resumed. The weights must be byte-identical to those of an
  uninterrupted training.
- `fresh`: complete runs of the shipped bundle on two threads, some with both cores busy. None may stand still.
- `images`: one run over many images. Rows must equal images; the peak memory is recorded.

Prints one JSON object; exit code 1 if a promise was broken. `--only classify` runs one part.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np

from edgewbc.cells import CLASSES
from edgewbc.runtime import host
from edgewbc.synth.cells import draw_cell
from edgewbc.utils.files import write_json

HANG_S = 60.0
"""Seconds after which a run that should take about two counts as hung."""
EDGEWBC = [sys.executable, "-P", "-m", "edgewbc"]


@dataclass
class Part:
    """What one part did and found.

    Attributes:
        kills: processes that were killed before they had finished.
        runs: processes that ended by themselves.
        broken: one line for each promise that did not hold.
        seconds: wall time.
        peak_mb: most memory that a process held, where it is measured.
    """

    kills: int = 0
    runs: int = 0
    images: int = 0
    hangs: int = 0
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0
    peak_mb: float | None = None


def save_cells(folder: Path, count: int, seed: int, side: int = 360) -> None:
    """Write synthetic cells as JPEG files; from the 40th on they are hard links to the first ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"{number:06d}.jpg"
        if number < 40:
            cell = draw_cell(CLASSES[number % 5], np.random.default_rng([seed, number]), side)
            path.write_bytes(cv2.imencode(".jpg", cell[..., ::-1])[1].tobytes())
        else:
            os.link(folder / f"{number % 40:06d}.jpg", path)


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a command of edgewbc in a folder, in a process group of its own, without output."""
    environment = {**os.environ, "EDGEWBC_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [*EDGEWBC, *arguments], cwd=folder, env=environment, stdout=quiet, stderr=quiet, start_new_session=True
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with everything it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for a process at most some seconds; whether it ended by itself."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def journal_faults(journal: Path, images: int) -> list[str]:
    """What is wrong with a journal that should hold one current result per image."""
    with sqlite3.connect(journal) as database:
        if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            return ["the journal fails SQLite's integrity check"]
        rows, paths = database.execute("SELECT count(*), count(DISTINCT path) FROM current").fetchone()
    database.close()
    return [] if rows == paths == images else [f"the journal holds {rows} results of {paths} images, not of {images}"]


def crash_classify(work: Path, kills: int, chance: random.Random) -> Part:
    """Kill `classify` at random moments of its life."""
    part, images = Part(), 240
    save_cells(work / "in", images, 1)
    arguments = ("classify", "in", "--threads", "1", "--batch", "4")
    began = time.monotonic()
    if start(work, *arguments, "--out", "whole.csv").wait(300):
        part.broken.append("the uninterrupted run failed")
        return part
    life = time.monotonic() - began
    expected = (work / "whole.csv").read_bytes()
    while part.kills < kills or not part.runs or (work / "cells.csv.journal").exists():
        process = start(work, *arguments, "--out", "cells.csv")
        if not ended(process, chance.uniform(0.1, 1.1 * life) if part.kills < kills else 300):
            kill(process)
            part.kills += 1
            if (work / "cells.csv").exists() and (work / "cells.csv").read_bytes() != expected:
                part.broken.append(f"kill {part.kills}: an incomplete result file was left")
            continue
        part.runs += 1
        if process.returncode:
            part.broken.append(f"after kill {part.kills}: exit code {process.returncode}")
        elif (work / "cells.csv").read_bytes() != expected:
            part.broken.append(f"after kill {part.kills}: another result file")
        part.broken += journal_faults(work / "cells.csv.journal", images)
        for left in work.glob("cells.csv*"):
            left.unlink()
    part.images = images
    return part


def crash_watch(work: Path, kills: int, chance: random.Random) -> Part:
    """Kill `classify --watch` at random moments while images are being saved."""
    part = Part()
    save_cells(work / "all", 40 + 3 * kills, 2)
    waiting = sorted((work / "all").iterdir())
    (work / "in").mkdir()
    while part.kills < kills:
        process = start(work, "classify", "--watch", "in", "--out", "cells.csv", "--threads", "1")
        until = time.monotonic() + chance.uniform(0.3, 2.5)
        while time.monotonic() < until:
            if waiting:
                image = waiting.pop()
                shutil.copyfile(image, work / "in" / image.name)
            time.sleep(0.1)
        if process.poll() is not None:
            part.broken.append(f"kill {part.kills}: the watch ended by itself with {process.returncode}")
        kill(process)
        part.kills += 1
    part.images = len(list((work / "in").iterdir()))
    process = start(work, "classify", "in", "--out", "cells.csv", "--threads", "1")
    part.runs += 1
    if process.wait(300):
        part.broken.append(f"the last run ended with {process.returncode}")
    part.broken += journal_faults(work / "cells.csv.journal", part.images)
    rows = (work / "cells.csv").read_bytes().count(b"\n") - 1
    if rows != part.images:
        part.broken.append(f"{rows} rows for {part.images} images")
    return part


def crash_training(work: Path, kills: int, chance: random.Random) -> Part:
    """Kill a small training at random moments and resume it."""
    part = Part()
    if start(work, "data", "synth", "--to", "drawn", "--cells", "24").wait(300):
        part.broken.append("edgewbc data synth failed")
        return part
    training = ("train", "--recipe", "demo", "--data", "drawn", "--set", "fit.epochs=3")
    began = time.monotonic()
    if start(work, *training, "--to", "whole").wait(900):
        part.broken.append("the uninterrupted training failed")
        return part
    life = time.monotonic() - began
    expected = (work / "whole" / "model.safetensors").read_bytes()
    run = work / "run"
    while part.kills < kills or not part.runs or run.exists():
        if any(run.glob("checkpoint*")):
            command: tuple[str, ...] = ("train", "--resume", "run")
        else:
            shutil.rmtree(run, ignore_errors=True)
            command = (*training, "--to", "run")
        process = start(work, *command)
        if not ended(process, chance.uniform(1.0, 1.1 * life) if part.kills < kills else 900):
            kill(process)
            part.kills += 1
            continue
        part.runs += 1
        if process.returncode:
            part.broken.append(f"after kill {part.kills}: exit code {process.returncode}")
        elif (run / "model.safetensors").read_bytes() != expected:
            part.broken.append(f"after kill {part.kills}: other weights")
        shutil.rmtree(run)
    return part


def crash_fresh(work: Path, processes: int, chance: random.Random) -> Part:
    """Run `classify` on two threads in fresh processes, a third of them beside two busy loops."""
    part, images = Part(), 100
    save_cells(work / "in", images, 3)
    for number in range(processes):
        busy = [
            subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
            for _ in range(2 if number % 3 == 0 else 0)
        ]
        try:
            process = start(work, "classify", "in", "--out", f"{number}.csv", "--threads", "2")
            if not ended(process, HANG_S):
                part.hangs += 1
                part.broken.append(f"process {number} hung")
                kill(process)
                continue
        finally:
            for loop in busy:
                kill_loop(loop)
        part.runs += 1
        if process.returncode:
            part.broken.append(f"process {number} ended with {process.returncode}")
        elif (work / f"{number}.csv").read_bytes().count(b"\n") != images + 1:
            part.broken.append(f"process {number}: rows differ from images")
        for left in work.glob(f"{number}.*"):
            left.unlink()
    part.images = images
    return part


def kill_loop(process: subprocess.Popen[bytes]) -> None:
    """End a busy loop."""
    process.kill()
    process.wait()


def crash_images(work: Path, images: int, chance: random.Random) -> Part:
    """Classify many images in one run, and record its peak memory."""
    part = Part(images=images)
    save_cells(work / "in", images, 4)
    process = start(work, "classify", "in", "--out", "cells.csv")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    part.runs, part.peak_mb = 1, round(usage.ru_maxrss / 1024, 1)
    if process.returncode:
        part.broken.append(f"exit code {process.returncode}")
        return part
    rows = (work / "cells.csv").read_bytes().count(b"\n") - 1
    if rows != images:
        part.broken.append(f"{rows} rows for {images} images")
    part.broken += journal_faults(work / "cells.csv.journal", images)
    return part


PARTS: dict[str, Callable[[Path, int, random.Random], Part]] = {
    "classify": crash_classify,
    "watch": crash_watch,
    "training": crash_training,
    "fresh": crash_fresh,
    "images": crash_images,
}
COUNTS = {"classify": 220, "watch": 60, "training": 20, "fresh": 300, "images": 100_000}
"""How often each part is repeated by default: 300 kills together."""


def main(arguments: list[str] | None = None) -> int:
    """Run the parts; 0 if every promise held."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=PARTS, action="append", help="run this part alone; may be repeated")
    for name, count in COUNTS.items():
        parser.add_argument(f"--{name}", type=int, default=count, help=f"default {count}")
    parser.add_argument("--out", type=Path, help="JSON file to which each part is added as it ends")
    options = parser.parse_args(arguments)
    result: dict[str, object] = {"seed": options.seed, "cpu": host.processor(), "cores": host.cores()}
    held = json.loads(options.out.read_text(encoding="utf-8")) if options.out and options.out.exists() else {}
    result = {**held, **result}
    sound = True
    for name, part in PARTS.items():
        if options.only and name not in options.only:
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="edgewbc-crash-") as folder:
            found = part(Path(folder), getattr(options, name), random.Random(options.seed))  # noqa: S311
        found.seconds = round(time.monotonic() - began, 1)
        result[name] = asdict(found)
        sound &= not found.broken
        if options.out is not None:
            write_json(options.out, result)
        print(f"{name}: {found}", file=sys.stderr, flush=True)
    print(json.dumps(result))
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
