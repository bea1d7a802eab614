"""Throughput, memory and kills: runs of `classify` on a folder of links to real images, in processes of their own."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import statistics
import subprocess  # noqa: S404
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.archive.processes import MemoryPeak, family, workers
from edgewbc.bench.resource_use import OtherLoad
from edgewbc.errors import UserError
from edgewbc.utils.files import read_json

BAD = 1000
"""One image in so many is no image."""

ENGINES = ("pc", "processes", "ray")
"""Of `classify`, the default one first."""

LONGEST = 900.0
"""Seconds after which a run counts as hung."""


@dataclass(frozen=True)
class Setup:
    """Where and with what the runs are made.

    Attributes:
        work: folder for images and results.
        model: bundle; None takes the shipped one.
        threads: cores of plain `classify`, and processes of the other engines.
    """

    work: Path
    model: Path | None = None
    threads: int = 2

    def start(self, engine: str, images: Path, out: Path) -> subprocess.Popen[bytes]:
        """Start a run."""
        for suffix in (".status", ".times"):
            out.with_suffix(suffix).unlink(missing_ok=True)
        command = [sys.executable, "-m", "bench.archive.child", engine, str(images), str(out)]
        command += ["--threads", str(self.threads), *(["--model", str(self.model)] if self.model else [])]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603

    def run(self, engine: str, images: Path, out: Path) -> dict[str, Any]:
        """Run to the end; return what `child` noted. Raises UserError if the run failed."""
        for left in out.parent.glob(f"{out.stem}.*"):
            left.unlink()
        return finish(self.start(engine, images, out), out)


def finish(process: subprocess.Popen[bytes], out: Path) -> dict[str, Any]:
    """Wait for a run; return what it noted. Raises UserError if it failed."""
    if process.wait(LONGEST):
        raise UserError(f"{out}: the run ended with exit code {process.returncode}")
    return dict(read_json(out.with_suffix(".times"), "the times of a run"))


def link_images(sources: Sequence[Path], folder: Path, count: int) -> Path:
    """Fill a folder with links to images, in turn, and some files that are no images."""
    if folder.is_dir() and sum(1 for _ in folder.iterdir()) == count:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"{number:07d}.jpg"
        if path.is_symlink() or path.exists():
            continue
        if number % BAD == BAD - 1:
            path.write_bytes(b"no image")
        else:
            path.symlink_to(sources[number % len(sources)].resolve())
    return folder


def rate(times: dict[str, Any]) -> float:
    """Return images per second between a tenth and nine tenths of a run."""
    n = times["n"]
    return float((9 * n // 10 - n // 10) / (times["nine_tenths"] - times["tenth"]))


def throughput(setup: Setup, images: Path, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Run the engines in turn; return rates, start-up and the ratios, and whether the results are the same bytes."""
    found: dict[str, list[dict[str, Any]]] = {engine: [] for engine in ENGINES}
    same = True
    with OtherLoad() as others:
        for number in range(rounds):
            for engine in ENGINES if number % 2 == 0 else ENGINES[::-1]:
                times = setup.run(engine, images, setup.work / f"{engine}.csv")
                found[engine].append(times)
                say(f"round {number + 1}, {engine}: {rate(times):.0f} images/s, {times['whole']:.1f} s in all")
            same &= len({(setup.work / f"{engine}.csv").read_bytes() for engine in ENGINES}) == 1
    ratios = {
        engine: [rate(one) / rate(pc) for pc, one in zip(found["pc"], found[engine], strict=True)]
        for engine in ENGINES[1:]
    }

    def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
        rates = [rate(run) for run in runs]
        beyond = [run["whole"] - run["n"] / rate(run) for run in runs]
        return {
            "images_per_s": round(statistics.median(rates), 1),
            "images_per_s_each": [round(each, 1) for each in rates],
            "startup_and_writing_s": round(statistics.median(beyond), 2),
            "whole_s": round(statistics.median(run["whole"] for run in runs), 2),
            "process_cpu_s": round(statistics.median(run["driver_cpu"] for run in runs), 2),
        }

    engines = {engine: summary(runs) for engine, runs in found.items()}
    extra = {
        engine: round(each["startup_and_writing_s"] - engines["pc"]["startup_and_writing_s"], 2)
        for engine, each in engines.items()
    }
    return {
        "images": found["pc"][0]["n"],
        "cores": setup.threads,
        "rounds": rounds,
        **engines,
        "ratio": round(statistics.median(ratios["ray"]), 4),
        "ratio_each": [round(each, 4) for each in ratios["ray"]],
        "extra_startup_s": extra["ray"],
        "processes_ratio": round(statistics.median(ratios["processes"]), 4),
        "processes_ratio_each": [round(each, 4) for each in ratios["processes"]],
        "processes_extra_startup_s": extra["processes"],
        "same_bytes": same,
        "driver_images_per_s": round(found["ray"][0]["n"] / max(0.01, engines["ray"]["process_cpu_s"]), 0),
        "others_share": others.share,
    }


def memory(setup: Setup, folders: Sequence[Path], engine: str = "ray") -> list[dict[str, Any]]:
    """Run an engine on folders of several sizes; return the peak memory of each."""
    found = []
    for images in folders:
        out = setup.work / "memory.csv"
        for left in out.parent.glob(f"{out.stem}.*"):
            left.unlink()
        process = setup.start(engine, images, out)
        with MemoryPeak(process.pid) as peak:
            times = finish(process, out)
        found.append({"images": times["n"], "peak_pss_mb": peak.peak_mb})
    return found


def kills(
    setup: Setup, images: Path, expected: Path, count: int, seed: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Kill a worker, then the driver, `count` times at random moments of one run; compare what it comes to.

    Args:
        setup: where.
        images: folder.
        expected: results file of plain `classify` on it.
        count: kills of the driver, and of a worker.
        seed: of the moments.
        say: takes remarks.
    """
    chance = random.Random(seed)  # noqa: S311
    n = sum(1 for _ in images.iterdir())
    out = setup.work / "killed.csv"
    for left in out.parent.glob(f"{out.stem}.*"):
        left.unlink()
    done, moments = 0, []
    for _ in range(count):
        process = setup.start("ray", images, out)
        left_over = n - done
        first = chance.uniform(0.05, 0.25) * left_over
        second = first + chance.uniform(0.05, 0.25) * left_over
        _wait_for(process, out, first)
        found = workers(family(process.pid))
        if not found:
            raise UserError(f"{out}: there is no worker to kill")
        os.kill(chance.choice(found), signal.SIGKILL)
        _wait_for(process, out, second)
        process.kill()
        process.wait()
        moments.append({"worker_after": round(done + first), "driver_after": round(done + second)})
        done += _status(out)
        say(f"killed a worker and the driver; about {done} of {n} images are recorded")
    times = finish(setup.start("ray", images, out), out)
    with sqlite3.connect(f"file:{out.with_name(out.name + '.journal')}?mode=ro", uri=True) as journal:
        readings, paths = journal.execute(
            "SELECT count(DISTINCT reading), count(DISTINCT path) FROM results"
        ).fetchone()
    journal.close()
    lines = out.read_bytes().splitlines()[1:]
    return {
        "images": n,
        "driver_kills": count,
        "worker_kills": count,
        "moments": moments,
        "classified_by_the_last_run": times["n"],
        "rows": len(lines),
        "paths": paths,
        "classified_twice": readings - paths,
        "same_bytes": out.read_bytes() == expected.read_bytes(),
        "seed": seed,
    }


def _status(out: Path) -> int:
    try:
        return int(out.with_suffix(".status").read_text() or 0)
    except (OSError, ValueError):
        return 0


def _wait_for(process: subprocess.Popen[bytes], out: Path, images: float) -> None:
    """Wait until a run has recorded so many images. Raises UserError if it ends before."""
    end = time.monotonic() + LONGEST
    while _status(out) < images:
        if process.poll() is not None or time.monotonic() > end:
            raise UserError(f"{out}: the run ended with {process.returncode} before {images:.0f} images were recorded")
        time.sleep(0.01)
