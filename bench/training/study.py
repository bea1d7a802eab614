"""Runs the loops in fresh processes, in turns, for as many rounds as fit into the time.

Each process's measurements are kept in a file beside the results until those are written: an interrupted study is
resumed by the same command.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import result_file
from bench.console import CHECKOUT
from bench.training.loops import Job, Measured
from bench.training.result import Loop, Network, Result, Row, Setting
from edgewbc.bench import machine
from edgewbc.bench.interleave import back_and_forth
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.runtime import host
from edgewbc.train.heap import VARIABLES
from edgewbc.train.recipe import Fit
from edgewbc.utils import subprocesses
from edgewbc.utils.files import write_json
from edgewbc.utils.json_values import plain

NETWORKS = (
    Network("vgg16gap-112", "vgg16gap-112", 8, 4),
    Network("edgenet", "edge/edgenet", 64, 5),
    Network("efficientnet-lite0", "edge/lite0", 32, 3),
)
"""By built-in recipes. A quarter of the recipe's images per step for VGG16-GAP, whose steps take seconds."""
TIMEOUT = 900.0
"""Seconds after which a process is stopped."""


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        networks: to train.
        precisions: of the network's computations.
        threads: numbers of threads (and cores); those that the machine does not have are left out.
        minutes: the study ends in this time; rounds are added as long as another one fits into it.
        most: rounds at most.
    """

    networks: tuple[Network, ...] = NETWORKS
    precisions: tuple[str, ...] = ("f32", "bf16")
    threads: tuple[int, ...] = (1, 2)
    minutes: float = 15.0
    most: int = 5


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a measuring process: without settings of glibc's memory, and with its own threads."""
    dropped = {*VARIABLES, "GLIBC_TUNABLES", "LD_PRELOAD", "KMP_AFFINITY", "GOMP_CPU_AFFINITY"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    paths = os.pathsep.join(filter(None, [str(CHECKOUT), kept.get("PYTHONPATH", "")]))
    return kept | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": paths}


def execute(job: Job) -> list[Measured]:
    """Measure a job in a fresh process.

    Raises:
        UserError: the process reports an error, or ends without a result.
    """
    command = ["-m", "bench.training.loops"]
    ran = subprocesses.run(command, given=job.to_json(), environment=environment(job.threads), timeout=TIMEOUT)
    found = subprocesses.require_result(ran, "a measurement")
    if isinstance(found, Mapping):
        raise UserError(str(found["error"]))
    return [Measured(**{**one, "loop": Loop(one["loop"])}) for one in found]


@dataclass
class Kept:
    """Measurements of an interrupted study, by round, number of threads and whether freed memory was kept.

    Attributes:
        path: of the file; None keeps nothing.
        about: what all measurements share: machine, images and sizes. Others are not taken over.
        done: seconds of each process, and its measurements.
    """

    path: Path | None
    about: dict[str, Any]
    done: dict[tuple[int, int, bool], tuple[float, list[Measured]]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path | None, about: dict[str, Any]) -> Kept:
        """Read the file, if there is one of the same machine, images and sizes."""
        kept = cls(path, about)
        if path is not None and path.is_file():
            values = result_file.read(path, dict)
            if values.get("about") == about:
                kept.done = result_file.read(path, _done)
        return kept

    def add(self, case: tuple[int, int, bool], seconds: float, found: Sequence[Measured]) -> None:
        """Add the measurements of a process, and write the file."""
        self.done[case] = seconds, [*found]
        if self.path is not None:
            done = [[*case, took, plain(measured)] for case, (took, measured) in self.done.items()]
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, {"about": self.about, "done": done})

    def expected(self, count: int, kept: bool) -> float:
        """Return the seconds that a process took in the latest round; 0 if it was not measured yet."""
        took = [seconds for (_, *case), (seconds, _) in self.done.items() if case == [count, kept]]
        return took[-1] if took else 0.0


def _done(values: Mapping[str, Any]) -> dict[tuple[int, int, bool], tuple[float, list[Measured]]]:
    """Return the measurements in a file that `Kept.add` wrote."""
    return {
        (number, count, kept): (seconds, [Measured(**{**one, "loop": Loop(one["loop"])}) for one in found])
        for number, count, kept, seconds, found in values["done"]
    }


def part_of(out: Path) -> Path:
    """Return the file in which an interrupted study keeps what it measured."""
    return out.with_name(f"{out.stem}.part.json")


def run(
    data: Path,
    options: Options,
    *,
    out: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
    execute: Callable[[Job], Sequence[Measured]] = execute,
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """Measure, and return the result.

    Args:
        data: folder of the manifest.
        options: how to measure.
        out: file that the results will be written to; what an interrupted study measured is kept beside it.
        say: receives messages.
        execute: measures a job.
        clock: seconds.

    Raises:
        UserError: a measurement fails, no number of threads is left, or the time is too short for a round.
    """
    cores = host.cores()
    threads = [count for count in options.threads if count <= cores]
    if not threads:
        raise UserError(f"this process may use {cores} cores: name as many threads, or fewer")
    manifest = Manifest.read(data)
    source = manifest.provenance.source or "labeled images"
    about = machine.describe()
    cases = [(count, kept) for count in threads for kept in (True, False)]
    shared = {
        "machine": [about.cpu, about.cores, about.versions, about.commit], "manifest": manifest.sha256,
        "networks": options.networks, "precisions": options.precisions, "threads": threads,
    }  # fmt: skip
    kept = Kept.read(None if out is None else part_of(out), plain(shared))
    if kept.done:
        say(f"{len(kept.done)} processes were measured before: resumed")
    job = Job(data, options.networks, options.precisions, 1, True)
    began = clock()
    rounds = 0
    for number in range(options.most):
        todo = [case for case in back_and_forth(cases, number + 1)[-len(cases) :] if (number, *case) not in kept.done]
        if number and clock() - began + sum(kept.expected(*case) for case in todo) > 60 * options.minutes:
            break
        if not _round(number, todo, kept, job, began + 60 * options.minutes, say, execute, clock):
            break
        rounds = number + 1
    if not rounds:
        raise UserError(
            f"{options.minutes:g} minutes are too short for a round here, {len(kept.done)} of {len(cases)} processes "
            "are done: run the same command again to resume"
        )
    found: dict[Setting, dict[Loop, list[Measured]]] = {}
    for number in range(rounds):
        for count, keeps in cases:
            for one in kept.done[number, count, keeps][1]:
                setting = Setting(one.network, one.precision, count)
                found.setdefault(setting, {}).setdefault(one.loop, []).append(one)
    order = [
        Setting(network.name, precision, count)
        for network in options.networks
        for precision in options.precisions
        for count in threads
    ]
    rows = tuple(_row(setting, found[setting]) for setting in order)
    return Result(about, options.networks, rows, source, Fit().workers)


def _round(
    number: int,
    todo: Sequence[tuple[int, bool]],
    kept: Kept,
    job: Job,
    end: float,
    say: Callable[[str], None],
    execute: Callable[[Job], Sequence[Measured]],
    clock: Callable[[], float],
) -> bool:
    """Measure what a round lacks; return whether it is complete, or would go on after `end`, in seconds of `clock`."""
    for count, keeps in todo:
        started = clock()
        if started + kept.expected(count, keeps) > end:
            return False
        say(f"round {number + 1}: threads {count}, freed memory {'kept' if keeps else 'returned'}")
        found = execute(replace(job, threads=count, kept=keeps, backwards=number % 2 == 1))
        kept.add((number, count, keeps), clock() - started, found)
    return True


def _row(setting: Setting, found: Mapping[Loop, Sequence[Measured]]) -> Row:
    rates = {loop: tuple(round(one.images_per_s, 2) for one in found[loop]) for loop in Loop}
    kernel: dict[Loop, tuple[float, ...]]
    kernel = {loop: tuple(round(one.system, 4) for one in found[loop]) for loop in Loop if loop != Loop.PLAIN}
    return Row(setting, rates, kernel)
