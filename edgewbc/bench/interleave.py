"""Turns: every row is measured once a round, in a fresh process, and rounds go back and forth (A B C, C B A, A B C).

A machine drifts: by temperature, by what else runs, by what a host takes away. One long measurement after the other
would give the drift to whoever was measured then; in turns all meet the same, and ratios are taken within a round. A
fresh process each time, and not one that waits for its next turn: the rows of a bench together hold gigabytes, which a
small PC does not have, threads of a waiting runtime may spin, and how a process happens to lie in memory is a part of
the spread that must be seen (Mytkowicz et al. 2009, "Producing wrong data without doing anything obviously wrong!",
ASPLOS; Kalibera and Jones 2013, "Rigorous benchmarking in reasonable time", ISMM).
"""

from __future__ import annotations

import subprocess  # noqa: S404
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from edgewbc.bench import benchmark_app
from edgewbc.bench.benchmark_app import AppJob
from edgewbc.bench.peaks import PeakJob
from edgewbc.bench.prepare import Options, Planned
from edgewbc.bench.system_load import Meter
from edgewbc.bench.worker import Job
from edgewbc.utils import subprocesses
from edgewbc.utils.progress import Progress

LONGEST = 3600
"""Seconds after which a turn is given up."""

T = TypeVar("T")
AnyJob = Job | PeakJob | AppJob
Execute = Callable[[AnyJob], dict[str, Any]]


def execute(job: AnyJob) -> dict[str, Any]:
    """Run one job in a fresh process; its result, or `error`."""
    if isinstance(job, AppJob):
        return benchmark_app.run(job)
    try:
        ran = subprocesses.run(["-m", "edgewbc.bench.worker"], given=job.to_json(), timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return {"error": f"gave no result in {LONGEST} s"}
    told = subprocesses.read_result(ran)
    if told is None:
        return {"error": f"the process ended with {ran.returncode}: {subprocesses.last_words(ran.stderr)}"}
    return dict(told)


@dataclass(eq=False)
class Seat:
    """What has a turn in each round, and what came of its turns.

    Attributes:
        kind: latency, throughput, app (benchmark_app) or peak.
        of: index of the row, or the peak's precision.
        found: a result a round.
    """

    kind: str
    of: int | str
    found: list[dict[str, Any]] = field(default_factory=list)

    @property
    def error(self) -> str | None:
        return next((str(result["error"]) for result in self.found if result.get("error")), None)


def seats(planned: Sequence[Planned], peaks: Sequence[str], options: Options) -> list[Seat]:
    """Everything that has a turn, in the order of the first round."""
    taken = [Seat("peak", precision) for precision in peaks]
    for index, plan in enumerate(planned):
        if plan.refused:
            continue
        taken += [Seat("latency", index), Seat("throughput", index)]
        if options.benchmark_app and plan.xml is not None:
            taken.append(Seat("app", index))
    return taken


def back_and_forth(items: Sequence[T], rounds: int) -> list[T]:
    """Everything once a round, every other round backwards."""
    return [item for index in range(rounds) for item in (items if index % 2 == 0 else items[::-1])]


STARTUP = 1.0
"""Seconds that a fresh process takes to import the runtime and load the model, roughly."""


def estimate(seats: Sequence[Seat], options: Options) -> str:
    """Return a line with the number of measurements and the time that they will take, roughly.

    Throughput also times a quarter of `seconds` with each batch size, if there are several.
    """
    trials = len(options.batches) / 4 if len(options.batches) > 1 else 0.0
    seconds = sum(STARTUP + options.seconds * (1 + (trials if seat.kind == "throughput" else 0.0)) for seat in seats)
    total = seconds * options.rounds
    duration = f"{total:.0f} s" if total < 90 else f"{total / 60:.0f} min"
    return f"{len(seats) * options.rounds} measurements in {options.rounds} rounds: about {duration}"


def take(
    seats: Sequence[Seat], planned: Sequence[Planned], options: Options, execute: Execute, progress: Progress
) -> None:
    """Go through all rounds, filling `Seat.found`. A row that failed has no further turns."""
    failed: set[int | str] = set()
    for seat in progress(back_and_forth(seats, options.rounds), "bench", len(seats) * options.rounds):
        if seat.of in failed or seat.error:
            continue
        job = _job(seat, seats, planned, options)
        with Meter() as meter:
            result = execute(job)
        seat.found.append(result | {"others": meter.others})
        if result.get("error") and isinstance(job, Job):
            failed.add(seat.of)


def _job(seat: Seat, seats: Sequence[Seat], planned: Sequence[Planned], options: Options) -> AnyJob:
    if isinstance(seat.of, str):
        first = seat.found[0] if seat.found else None  # the shape that was best in the first round is kept
        job = PeakJob(seat.of, options.seconds, options.threads)
        return job if first is None else replace(job, shapes=(tuple(first["shape"]),))
    plan = planned[seat.of]
    if seat.kind == "latency":
        return plan.job if not seat.found else replace(plan.job, answers=None)
    if seat.kind == "throughput":
        batches = (seat.found[0]["batch"],) if seat.found else plan.job.batches
        return replace(plan.job, mode="throughput", batches=batches, answers=None)
    ours = next(other for other in seats if other.kind == "throughput" and other.of == seat.of).found[0]
    return AppJob(
        xml=str(plan.xml),
        compute="bf16" if plan.job.precision == "bf16" else "f32",
        batch=ours["batch"],
        height=plan.job.height,
        width=plan.job.width,
        iterations=ours["batches"],
        threads=options.threads,
    )
