"""Run a benchmark: prepare the images once, measure every row in every round, and compare the rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgewbc.bench import benchmark_app, interleave, machine, prediction_metrics, resource_use, summary
from edgewbc.bench.gates import Condition
from edgewbc.bench.interleave import Execute, Measurement, execute
from edgewbc.bench.job_result import LatencyResult, ThroughputResult, of_kind
from edgewbc.bench.plan import Abilities, BenchModel, baseline, plan
from edgewbc.bench.prediction_metrics import Predictions
from edgewbc.bench.prepare import BenchOptions, PlannedRow, plan_rows
from edgewbc.bench.result import BenchData, BenchProtocol, BenchResult, LoadDuring, Peak
from edgewbc.bench.row import BenchRow, FailedRow, MeasuredRow
from edgewbc.data import images
from edgewbc.data.manifest import SYNTHETIC, Entry, Manifest, facts
from edgewbc.data.sampling import spread
from edgewbc.utils.progress import Progress, quiet

ORDER = "every row once per round in a fresh process, every other round backwards"


@dataclass(frozen=True)
class LabeledImages:
    """The labeled images of a benchmark: the entries of a manifest's split, all or evenly sampled."""

    manifest: Manifest
    entries: list[Entry]

    @classmethod
    def of(cls, manifest: Manifest | None, options: BenchOptions) -> LabeledImages | None:
        return None if manifest is None else cls(manifest, spread(manifest.split(options.split), options.limit))

    def truth(self, model: BenchModel) -> NDArray[np.int64]:
        """Labels as class indices of a model, int64 (n,)."""
        return images.truth(self.manifest, self.entries, model.classes)


def bench(
    paths: Sequence[Path],
    manifest: Manifest | None,
    options: BenchOptions,
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
        labeled = LabeledImages.of(manifest, options)
        truths = [None if labeled is None else labeled.truth(model) for model in models]
        if options.benchmark_app and not benchmark_app.installed():
            options = replace(options, benchmark_app=False)
        load = resource_use.system_load()
        if load is not None and load > resource_use.BUSY:
            say(resource_use.busy_warning(load))
        say("decoding and resizing the images, and converting run folders, before anything is timed")
        precisions = [p for p in ("f32", "bf16", "int8") if p != "bf16" or able.bf16] if options.peaks else []
        entries = None if labeled is None else labeled.entries
        planned = plan_rows(models, manifest, entries, options, Path(temporary))
        measurements = interleave.plan_measurements(planned, precisions, options)
        say(interleave.estimate(measurements, options))
        interleave.run_rounds(measurements, planned, options, execute, progress)
        rows = [_row(index, models, planned, measurements) for index in range(len(planned))]
        predictions = [
            _predictions(row, one, truths[one.model], models) for row, one in zip(rows, planned, strict=True)
        ]
    summaries = {str(one.of): summary.peak(one.results) for one in measurements if one.kind == "peak"}
    peaks = {name: peak for name, peak in summaries.items() if isinstance(peak, Peak)}
    if labeled is not None:
        rows = [_with_scores(row, one, labeled) for row, one in zip(rows, predictions, strict=True)]
    rows = _with_agreement(summary.with_ratios(rows, peaks), predictions, [one.model for one in planned])
    return BenchResult(
        machine=replace(machine.describe(), measured_at=_now()),
        data=_data(labeled, options, models, truths),
        protocol=_protocol(options, load, measurements),
        peaks=peaks,
        peak_errors={name: peak for name, peak in summaries.items() if isinstance(peak, str)},
        rows=tuple(rows),
    )


def _named(model: BenchModel, row: tuple[str, str], first: bool) -> BenchRow:
    """A row that has not been measured."""
    return BenchRow(model.name, *row, delivered=first and row == model.delivered)


def _row(
    index: int, models: Sequence[BenchModel], planned: Sequence[PlannedRow], measurements: Sequence[Measurement]
) -> MeasuredRow | FailedRow:
    """A row with its timing; scores and comparisons are added later."""
    item = planned[index]
    model, job = models[item.model], item.job
    delivered = item.model == 0 and (job.backend, job.precision) == model.delivered
    named = BenchRow(
        model.name, job.backend, job.precision, delivered, (job.height, job.width), item.gmac, item.int8_share
    )
    mine = {one.kind: one for one in measurements if one.of == index}
    error = item.error or next((one.error for one in mine.values() if one.kind != "app" and one.error), None)
    if error:
        return FailedRow(**vars(named), error=error)
    timing = summary.timed(
        of_kind(mine["latency"].results, LatencyResult), of_kind(mine["throughput"].results, ThroughputResult)
    )
    row = MeasuredRow(**vars(named), timing=timing)
    if "app" not in mine:
        return row
    app = summary.compare_app(mine["app"].results, timing)
    return replace(row, benchmark_app_error=app) if isinstance(app, str) else replace(row, benchmark_app=app)


def _predictions(
    row: MeasuredRow | FailedRow, item: PlannedRow, truth: NDArray[np.int64] | None, models: Sequence[BenchModel]
) -> Predictions | None:
    if isinstance(row, FailedRow) or item.job.predictions is None or truth is None:
        return None
    return Predictions(np.load(item.job.predictions, allow_pickle=False), truth, models[item.model].classes)


def _with_scores(
    row: MeasuredRow | FailedRow, predictions: Predictions | None, labeled: LabeledImages
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
    labeled: LabeledImages | None,
    options: BenchOptions,
    models: Sequence[BenchModel],
    truths: Sequence[NDArray[np.int64] | None],
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


def _protocol(options: BenchOptions, load: float | None, measurements: Sequence[Measurement]) -> BenchProtocol:
    """How it was measured, and the load of other programs before and during the measurements."""
    results = [result for one in measurements for result in one.results]
    during = [result.others for result in results if result.others is not None]
    return BenchProtocol(
        rounds=options.rounds,
        seconds=options.seconds,
        threads=options.threads,
        batches=options.batches,
        order=ORDER,
        wide=summary.WIDE,
        load_before=load,
        load_during=LoadDuring(float(np.median(during)), max(during)) if during else None,
        busy=resource_use.BUSY,
        baseline=options.baseline,
    )


def _now() -> str:
    """Date and time in UTC, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
