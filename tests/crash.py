"""Kill, starve and repeat the lab side until it loses something: the promises of docs/reliability.md, counted.

    python -m tests.crash --seed 0 --out bench/results/reliability.json

Every part works on synthetic cells in a temporary folder, with fresh processes:

- `classify`: killed at random moments, then run again to the end. The result file must be byte-identical to that of an
  uninterrupted run, with one result per image.
- `watch`: the same for `classify --watch`, while images are being saved.
- `training`: a small training killed at random moments and resumed. The weights must be byte-identical to those of an
  uninterrupted training.
- `fresh`: complete runs of the shipped bundle on two threads, some with both cores busy. None may stand still.
- `interrupts`: Ctrl-C at random moments of `classify` and of both kinds of `bench`, four at a time. Each must end
  with exit code 130 and one line, and leave neither processes nor temporary files.
- `images`: one run over many images. Rows must equal images; the peak memory is recorded.

Prints one JSON object; exit code 1 if a promise was broken. `--only classify` runs one part.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from edgewbc.cells import CLASSES
from edgewbc.runtime import host
from edgewbc.synth.cells import draw_cell
from edgewbc.utils.files import write_json
from tests import labeled, tiny

HANG_S = 60.0
"""Seconds after which a run that should take about two counts as hung."""
AT_ONCE = 4
"""Commands that run at the same time while they are interrupted: more than a small PC has cores."""
STARTED = re.compile(r"edgewbc/(__main__|[a-z]+/)")
"""In a stack trace: the program had started when it was interrupted."""
End = Literal["runs", "interrupts", "early", "hangs"]
EDGEWBC = [sys.executable, "-P", "-m", "edgewbc"]


@dataclass
class Part:
    """What one part did and found.

    Attributes:
        kills: processes that were killed before they had finished.
        runs: processes that ended by themselves.
        interrupts: processes that were interrupted while they ran.
        early: processes that were interrupted before Python had started the program, which cannot answer for that.
        broken: one line for each promise that did not hold.
        seconds: wall time.
        peak_mb: most memory that a process held, where it is measured.
    """

    kills: int = 0
    runs: int = 0
    interrupts: int = 0
    early: int = 0
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


def kill(process: subprocess.Popen[Any]) -> None:
    """Kill a process with everything it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def ended(process: subprocess.Popen[Any], seconds: float) -> bool:
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


INTERRUPTED: tuple[tuple[str, ...], ...] = (
    ("classify", "in", "--model", "b", "--threads", "2", "--out", "out.csv"),
    ("bench", "--model", "b", "--data", "m", "--end-to-end", "--pictures", "0", "--out", "out.json"),
    ("bench", "--model", "b", "--data", "m", "--seconds", "30", "--no-benchmark-app", "--no-peaks", "--threads", "1")
    + ("--out", "out.json"),
)
"""Commands to interrupt, in a folder with images (`in`), a bundle (`b`) and a manifest (`m`)."""
LATEST_S = 10.0
"""Seconds after its start at which a command is interrupted at the latest."""


def crash_interrupts(work: Path, interrupts: int, chance: random.Random) -> Part:
    """Interrupt commands as a terminal does: with SIGINT for the process and its children."""
    part = Part(images=1500)
    save_cells(work / "in", part.images, 5)
    tiny.make_bundle(work / "b")
    labeled.make_manifest(work / "m", n=10)
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job and its children ignore it
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            started = 0
            while part.interrupts < interrupts:
                jobs = []
                for number in range(started, started + interrupts - part.interrupts):
                    arguments = INTERRUPTED[number % len(INTERRUPTED)]
                    moment = chance.uniform(0.0, LATEST_S)
                    jobs.append((arguments, moment, pool.submit(interrupt, work, number, arguments, moment)))
                started += len(jobs)
                for arguments, moment, job in jobs:
                    end, fault = job.result()
                    setattr(part, end, getattr(part, end) + 1)
                    if fault:
                        part.broken.append(f"{' '.join(arguments)}, after {moment:.2f} s: {fault}")
    finally:
        signal.signal(signal.SIGINT, heard)
    return part


def interrupt(work: Path, number: int, arguments: Sequence[str], moment: float) -> tuple[End, str]:
    """Start a command and interrupt it after some seconds; return how it ended, and what is wrong with that."""
    folder = work / f"run-{number}"
    (folder / "temporary").mkdir(parents=True)
    for name in ("in", "b", "m"):
        (folder / name).symlink_to(work / name)
    environment = {**os.environ, "EDGEWBC_CACHE": str(folder / "cache"), "TMPDIR": str(folder / "temporary")}
    process = subprocess.Popen(
        [*EDGEWBC, *arguments],
        cwd=folder,
        env={**environment, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    if ended(process, moment):
        _, error = process.communicate()
        return "runs", "" if process.returncode == 0 else f"ended by itself with {process.returncode}: {error[-300:]}"
    os.killpg(process.pid, signal.SIGINT)
    try:
        _, error = process.communicate(timeout=HANG_S)
    except subprocess.TimeoutExpired:
        kill(process)
        return "hangs", "hung"
    if process.returncode == -signal.SIGINT and not error or "Traceback" in error and not STARTED.search(error):
        return "early", ""
    lines = error.splitlines()
    if process.returncode != 130 or lines[-1:] != ["edgewbc: interrupted"] or "Traceback" in error:
        return "interrupts", f"exit code {process.returncode}: {error[-300:]}"
    if not vanished(process.pid):
        return "interrupts", "left a process"
    left = sorted(path.name for path in (*(folder / "temporary").iterdir(), *folder.glob("out.json*")))
    shutil.rmtree(folder)
    return "interrupts", f"left {', '.join(left)}" if left else ""


def vanished(group: int, seconds: float = 2.0) -> bool:
    """Wait until a process group is empty; kill it if it is not after some seconds."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            os.killpg(group, 0)
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return True
    return False


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
    "interrupts": crash_interrupts,
    "images": crash_images,
}
COUNTS = {"classify": 220, "watch": 60, "training": 20, "fresh": 300, "interrupts": 204, "images": 100_000}
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
