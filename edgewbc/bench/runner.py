"""Run a benchmark: prepare the images once, measure every row in every round, and compare the rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgewbc.bench import benchmark_app, interleave, machine, prediction_metrics, summary, system_load
from edgewbc.bench.gates import Condition
from edgewbc.bench.interleave import Execute, Seat, execute
from edgewbc.bench.plan import Abilities, Model, baseline, plan
from edgewbc.bench.prediction_metrics import Predictions
from edgewbc.bench.prepare import Options, Planned, jobs
from edgewbc.bench.result import BenchData, BenchProtocol, BenchResult, LoadDuring, Peak
from edgewbc.bench.row import BenchRow, FailedRow, MeasuredRow
from edgewbc.data import images
from edgewbc.data.manifest import SYNTHETIC, Entry, Manifest, facts
from edgewbc.data.sampling import spread
from edgewbc.utils.progress import Progress, quiet

ORDER = "every row once a round, each turn in a fresh process, every other round backwards"


@dataclass(frozen=True)
class Images:
    """The labeled images of a benchmark: the entries of a manifest's split, all or evenly sampled."""

    manifest: Manifest
    entries: list[Entry]

    @classmethod
    def of(cls, manifest: Manifest | None, options: Options) -> Images | None:
        return None if manifest is None else cls(manifest, spread(manifest.split(options.split), options.limit))

    def truth(self, model: Model) -> NDArray[np.int64]:
        """Labels as class indices of a model, int64 (n,)."""
        return images.truth(self.manifest, self.entries, model.classes)


def bench(
    paths: Sequence[Path],
    manifest: Manifest | None,
    options: Options,
    *,
    conditions: Sequence[Condition] = (),
    progress: Progress = quiet,
    say: Callable[[str], None] = lambda line: None,
    execute: Execute = execute,
    able: Abilities | None = None,
) -> BenchResult:
    """Measure models on this machine's CPU.

    Args:
        paths: bundles and run folders; the first one is the one that is delivered.
        manifest: labeled images for the accuracy; None times synthetic images and measures no accuracy.
        options: how to measure.
        conditions: are matched with the rows before anything is measured.
        progress: shows the number of finished measurements.
        say: receives messages: what is being prepared, the expected duration, and whether the machine is busy.
        execute: runs one job.
        able: what can be measured here; None detects it.

    Raises:
        UserError: a path is not a model, the split is empty, an image has changed, a model does not know a label, or a
            condition matches no row.
    """
    able = able or Abilities.here()
    with tempfile.TemporaryDirectory(prefix="edgewbc-bench-") as temporary:
        models = [plan(path, able, options.rows) for path in paths]
        if options.baseline is not None:
            models.append(baseline(options.baseline, Path(temporary)))
        for condition in conditions:
            condition.of([_named(model, row, model is models[0]) for model in models for row in model.rows])
        labeled = Images.of(manifest, options)
        truths = [None if labeled is None else labeled.truth(model) for model in models]
        if options.benchmark_app and not benchmark_app.installed():
            options = replace(options, benchmark_app=False)
        used = system_load.before()
        if used is not None and used > system_load.BUSY:
            say(system_load.warning(used))
        say("decoding and resizing the images, and converting run folders, before anything is timed")
        precisions = [p for p in ("f32", "bf16", "int8") if p != "bf16" or able.bf16] if options.peaks else []
        planned = jobs(models, manifest, None if labeled is None else labeled.entries, options, Path(temporary))
        seats = interleave.seats(planned, precisions, options)
        say(interleave.estimate(seats, options))
        interleave.take(seats, planned, options, execute, progress)
        rows = [_row(index, models, planned, seats) for index in range(len(planned))]
        predictions = [
            _predictions(row, one, truths[one.model], models) for row, one in zip(rows, planned, strict=True)
        ]
    found = {str(seat.of): summary.peak(seat.found) for seat in seats if seat.kind == "peak"}
    peaks = {name: peak for name, peak in found.items() if isinstance(peak, Peak)}
    if labeled is not None:
        rows = [_with_scores(row, one, labeled) for row, one in zip(rows, predictions, strict=True)]
    rows = _with_agreement(summary.with_ratios(rows, peaks), predictions, [one.model for one in planned])
    return BenchResult(
        machine=replace(machine.describe(), measured_at=_now()),
        data=_data(labeled, options, models, truths),
        protocol=_protocol(options, used, seats),
        peaks=peaks,
        peak_errors={name: peak for name, peak in found.items() if isinstance(peak, str)},
        rows=tuple(rows),
    )


def _named(model: Model, row: tuple[str, str], first: bool) -> BenchRow:
    """A row that has not been measured."""
    return BenchRow(model.name, *row, delivered=first and row == model.delivered)


def _row(
    index: int, models: Sequence[Model], planned: Sequence[Planned], seats: Sequence[Seat]
) -> MeasuredRow | FailedRow:
    """A row with its timing; scores and comparisons are added later."""
    item = planned[index]
    model, job = models[item.model], item.job
    delivered = item.model == 0 and (job.backend, job.precision) == model.delivered
    named = BenchRow(model.name, job.backend, job.precision, delivered, (job.height, job.width), item.gmac)
    mine = {seat.kind: seat for seat in seats if seat.of == index}
    error = item.refused or next((seat.error for seat in mine.values() if seat.kind != "app" and seat.error), None)
    if error:
        return FailedRow(**vars(named), error=error)
    timing = summary.timed(mine["latency"].found, mine["throughput"].found)
    row = MeasuredRow(**vars(named), timing=timing)
    if "app" not in mine:
        return row
    app = summary.compare_app(mine["app"].found, timing)
    return replace(row, benchmark_app_error=app) if isinstance(app, str) else replace(row, benchmark_app=app)


def _predictions(
    row: MeasuredRow | FailedRow, item: Planned, truth: NDArray[np.int64] | None, models: Sequence[Model]
) -> Predictions | None:
    if isinstance(row, FailedRow) or item.job.answers is None or truth is None:
        return None
    return Predictions(np.load(item.job.answers, allow_pickle=False), truth, models[item.model].classes)


def _with_scores(
    row: MeasuredRow | FailedRow, predictions: Predictions | None, labeled: Images
) -> MeasuredRow | FailedRow:
    if predictions is None or isinstance(row, FailedRow):
        return row
    return replace(row, scores=prediction_metrics.scores(predictions, labeled.manifest, labeled.entries))


def _with_agreement(
    rows: Sequence[MeasuredRow | FailedRow], predictions: Sequence[Predictions | None], models: Sequence[int]
) -> list[MeasuredRow | FailedRow]:
    """Compare the predictions of each row with those of its f32 reference row."""
    found: list[MeasuredRow | FailedRow] = []
    for index, row in enumerate(rows):
        mine, which = predictions[index], prediction_metrics.reference_of(index, rows, models)
        other = None if which is None else predictions[which]
        if isinstance(row, MeasuredRow) and mine is not None and which is not None and other is not None:
            same = models[which] == models[index]
            row = replace(row, agreement=prediction_metrics.agreement(mine, other, rows[which], same_model=same))
        found.append(row)
    return found


def _data(
    labeled: Images | None, options: Options, models: Sequence[Model], truths: Sequence[NDArray[np.int64] | None]
) -> BenchData:
    if labeled is None or truths[0] is None:
        return BenchData(SYNTHETIC)
    return BenchData(
        **facts(labeled.manifest, options.split).to_json(),
        n=len(labeled.entries),
        of=len(labeled.manifest.split(options.split)),
        classes=models[0].classes,
        truth=prediction_metrics.encode_classes(truths[0], len(models[0].classes)),
    )


def _protocol(options: Options, used: float | None, seats: Sequence[Seat]) -> BenchProtocol:
    """How it was measured, and the load of other programs before and during the measurements."""
    during = [result["others"] for seat in seats for result in seat.found if result.get("others") is not None]
    return BenchProtocol(
        rounds=options.rounds,
        seconds=options.seconds,
        threads=options.threads,
        batches=options.batches,
        order=ORDER,
        wide=summary.WIDE,
        load_before=used,
        load_during=LoadDuring(float(np.median(during)), max(during)) if during else None,
        busy=system_load.BUSY,
        baseline=options.baseline,
    )


def _now() -> str:
    """Date and time in UTC, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
