"""Turns: every row once a round, each in a fresh process, every other round backwards (A B C, C B A, A B C).

As in `edgewbc.bench.interleave`, which says why; here a turn may run in another environment.
"""

from __future__ import annotations

import json
import subprocess  # noqa: S404
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from edgewbc.bench import interleave as ours
from edgewbc.bench.resource_use import OtherLoad
from edgewbc.bench.worker import RowJob
from edgewbc.utils import subprocesses
from edgewbc.utils.progress import Progress, quiet
from peerbench import environment

LONGEST = 3600
"""Seconds after which a turn is given up."""


@dataclass(frozen=True)
class Turn:
    """What a row is to do in a turn.

    Attributes:
        mode: one picture after the other, or as many a second as it can.
        seconds: length of the measurement.
        batches: throughput's sizes to try.
        threads: of every runtime.
        predictions: answer all pictures too, and save the probabilities here, float32 (n, K), as .npy.
    """

    mode: Literal["latency", "throughput"]
    seconds: float
    batches: tuple[int, ...]
    threads: int
    predictions: str | None = None


Execute = Callable[[Turn], dict[str, Any]]
"""Takes a turn: what `edgewbc.bench.worker.measure` returns, or `error`."""


@dataclass(eq=False)
class Runner:
    """A row that has turns.

    Attributes:
        facts: of the row, known before it is measured.
        classes: names of its predictions, in order.
        execute: takes a turn.
        predictions: file of the probabilities of its first turn.
        latency, throughput: what was found, a round each.
        error: why it cannot be measured, or was not measured to the end.
    """

    facts: dict[str, Any]
    classes: tuple[str, ...]
    execute: Execute
    predictions: Path
    latency: list[dict[str, Any]] = field(default_factory=list)
    throughput: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None


def take(runners: Sequence[Runner], rounds: int, turn: Turn, progress: Progress = quiet) -> None:
    """Go through all rounds; a row that failed has no further turns."""
    seats = [(runner, mode) for runner in runners for mode in ("latency", "throughput")]
    order = ours.back_and_forth(seats, rounds)
    for runner, mode in progress(order, "peers", len(order)):
        if runner.error:
            continue
        if mode == "latency":
            first = not runner.latency
            mine = replace(turn, mode="latency", predictions=str(runner.predictions.resolve()) if first else None)
        else:  # the batch size that was best in the first round is kept
            sizes = (runner.throughput[0]["batch"],) if runner.throughput else turn.batches
            mine = replace(turn, mode="throughput", batches=sizes, predictions=None)
        with OtherLoad() as load:
            result = runner.execute(mine)
        if result.get("error"):
            runner.error = str(result["error"])
            continue
        getattr(runner, mode).append(result | {"others": load.share})


def of_toolkit(job: RowJob) -> Execute:
    """A row of the toolkit itself, measured by the worker of `edgewbc bench`."""

    def execute(turn: Turn) -> dict[str, Any]:
        return ours.execute(replace(job, **asdict(turn)))

    return execute


def of_peer(python: Path, script: Path, folder: Path, row: dict[str, Any]) -> Execute:
    """A row of a peer, measured by its `measure.py` in its environment.

    Args:
        row: what its preparation told of the row.
    """

    def execute(turn: Turn) -> dict[str, Any]:
        job = {"action": "measure", "folder": str(folder.resolve()), "row": row, **asdict(turn)}
        try:
            ran = environment.run(python, script, json.dumps(job), folder.resolve(), turn.threads, LONGEST)
        except (OSError, subprocess.TimeoutExpired) as error:
            return {"error": f"a turn failed: {error}"}
        told = subprocesses.read_result(ran)
        if not isinstance(told, dict):
            return {"error": f"a turn ended with {ran.returncode}: {subprocesses.last_words(ran.stderr)}"}
        return told

    return execute
