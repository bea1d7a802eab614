"""Runs the loops in fresh processes, in turns, for as many rounds as fit into the time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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

NETWORKS = (
    Network("vgg16gap-112", "vgg16gap-112", 8, 2),
    Network("edgenet", "edge/edgenet", 64, 5),
    Network("efficientnet-lite0", "edge/lite0", 32, 4),
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
        kept: with freed memory kept, returned, or both.
        minutes: rounds are added as long as another one fits into this time.
        most: rounds at most.
    """

    networks: tuple[Network, ...] = NETWORKS
    precisions: tuple[str, ...] = ("f32", "bf16")
    threads: tuple[int, ...] = (1, 2)
    kept: tuple[bool, ...] = (True, False)
    minutes: float = 6.0
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


def run(
    data: Path,
    options: Options,
    *,
    say: Callable[[str], None] = lambda line: None,
    execute: Callable[[Job], Sequence[Measured]] = execute,
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """Measure, and return the result.

    Args:
        data: folder of the manifest.
        options: how to measure.
        say: receives messages.
        execute: measures a job.
        clock: seconds.

    Raises:
        UserError: a measurement fails, or no number of threads is left.
    """
    cores = host.cores()
    threads = [count for count in options.threads if count <= cores]
    if not threads:
        raise UserError(f"this process may use {cores} cores: name as many threads, or fewer")
    source = Manifest.read(data).provenance.source or "labeled images"
    about = machine.describe()
    cases = [(count, kept) for count in threads for kept in options.kept]
    found: dict[Setting, dict[Loop, list[Measured]]] = {}
    began = last = clock()
    took = 0.0
    for number in range(options.most):
        if number and clock() - began + took > 60 * options.minutes:
            break
        for count, kept in back_and_forth(cases, number + 1)[-len(cases) :]:
            say(f"round {number + 1}: threads {count}, freed memory {'kept' if kept else 'returned'}")
            job = Job(data, options.networks, options.precisions, count, kept, backwards=number % 2 == 1)
            for one in execute(job):
                setting = Setting(one.network, one.precision, count, kept)
                found.setdefault(setting, {}).setdefault(one.loop, []).append(one)
        took, last = clock() - last, clock()
    order = [
        Setting(network.name, precision, count, kept)
        for network in options.networks
        for precision in options.precisions
        for count, kept in cases
    ]
    rows = tuple(_row(setting, found[setting]) for setting in order)
    return Result(about, options.networks, rows, source, Fit().workers)


def _row(setting: Setting, found: Mapping[Loop, Sequence[Measured]]) -> Row:
    rates = {loop: tuple(round(one.images_per_s, 2) for one in found[loop]) for loop in Loop}
    kernel = {loop: tuple(round(one.system, 4) for one in found[loop]) for loop in (Loop.EDGEWBC, Loop.LIMIT)}
    return Row(setting, rates, kernel)
