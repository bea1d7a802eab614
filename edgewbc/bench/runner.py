"""`bench`: prepare the pictures once, give each row its turns, and put the rows beside each other."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc.bench import benchmark_app, interleave, prediction_metrics, summary, system_load
from edgewbc.bench.gates import Condition
from edgewbc.bench.interleave import Execute, Seat, execute
from edgewbc.bench.plan import Abilities, Model, baseline, plan
from edgewbc.bench.prediction_metrics import Said
from edgewbc.bench.prepare import Options, Planned, jobs
from edgewbc.data import images
from edgewbc.data.manifest import SYNTHETIC, Entry, Manifest, facts
from edgewbc.data.sampling import spread
from edgewbc.utils.progress import Progress, quiet

FORMAT = 2
"""Of the result; 1 had one measurement a row, and no `format`."""

UNMEASURED = (
    *("images_per_s", "latency_ms", "accuracy", "interval", "n", "correct", "size_mb", "rss_mb", "speedup"),
    *("reference", "precision_ran", "gmac_per_s", "peak_share", "benchmark_app", "agreement", "mcnemar", "parity"),
    "against",
)


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
) -> dict[str, Any]:
    """Measure models on this machine's CPU.

    Args:
        paths: bundles and run folders; the first one is the one that is delivered.
        manifest: for the accuracy; without one, synthetic pictures are timed and there is no accuracy.
        options: how to measure.
        conditions: must each name a row; that is looked at before anything is measured.
        progress: shows how many turns are done.
        say: told what is done before, and if the machine is busy.
        execute: does one job.
        able: what can be measured here; None finds out.

    Returns:
        format, data (what was answered), protocol (how it was measured), peaks (by precision) and rows. A row that
        could not be measured has `error`.

    Raises:
        UserError: not a model, an empty split, a picture that changed, a label that a model does not know, or a
            condition that matches no row.
    """
    able = able or Abilities.here()
    with tempfile.TemporaryDirectory(prefix="edgewbc-bench-") as temporary:
        models = [plan(path, able, options.rows) for path in paths]
        if options.baseline is not None:
            models.append(baseline(options.baseline, Path(temporary)))
        for condition in conditions:
            condition.of([_named(model, *row, model is models[0]) for model in models for row in model.rows])
        entries = None if manifest is None else spread(manifest.split(options.split), options.limit)
        truths = [_truth(model, manifest, entries) for model in models]
        if options.benchmark_app and not benchmark_app.installed():
            options = replace(options, benchmark_app=False)
        used = system_load.before()
        if used is not None and used > system_load.BUSY:
            say(system_load.warning(used))
        say("decoding and resizing the pictures, and converting what must be, before anything is timed")
        peaks = [p for p in ("f32", "bf16", "int8") if p != "bf16" or able.bf16] if options.peaks else []
        planned = jobs(models, manifest, entries, options, Path(temporary))
        seats = interleave.seats(planned, peaks, options)
        interleave.take(seats, planned, options, execute, progress)
        roofs = {str(seat.of): summary.roof(seat.found) for seat in seats if seat.kind == "peak"}
        rows = [_row(index, models, planned, seats) for index in range(len(planned))]
        said = [_said(row, item, truths[item.model], models) for row, item in zip(rows, planned, strict=True)]
    for row, answered in zip(rows, said, strict=True):
        if answered is not None and manifest is not None and entries is not None:
            row |= prediction_metrics.judge(answered, manifest, entries)
    summary.compare(rows, roofs)
    _agree(rows, said, planned)
    return {
        "format": FORMAT,
        "data": _data(manifest, entries, options, models, truths),
        "protocol": _protocol(options, used, seats),
        "peaks": roofs,
        "rows": rows,
    }


def _named(model: Model, backend: str, precision: str, first: bool) -> dict[str, Any]:
    """What names a row."""
    return {
        "model": model.name,
        "backend": backend,
        "precision": precision,
        "delivered": first and (backend, precision) == model.delivered,
    }


def _row(index: int, models: Sequence[Model], planned: Sequence[Planned], seats: Sequence[Seat]) -> dict[str, Any]:
    """A row: what was asked and what was measured; what its answers are worth is added later."""
    item = planned[index]
    model, job = models[item.model], item.job
    row: dict[str, Any] = {
        **_named(model, job.backend, job.precision, item.model == 0),
        "input": [job.height, job.width],
        "gmac": item.gmac,
        **dict.fromkeys(UNMEASURED),
    }
    mine = {seat.kind: seat for seat in seats if seat.of == index}
    error = item.refused or next((seat.error for seat in mine.values() if seat.kind != "app" and seat.error), None)
    if error:
        return row | {"error": error}
    row |= summary.timed(mine["latency"].found, mine["throughput"].found)
    if "app" in mine:
        row["benchmark_app"] = summary.app(mine["app"].found, row)
    return row


def _said(row: dict[str, Any], item: Planned, truth: Any, models: Sequence[Model]) -> Said | None:
    if row.get("error") or item.job.answers is None:
        return None
    return Said(np.load(item.job.answers, allow_pickle=False), truth, models[item.model].classes)


def _agree(rows: Sequence[dict[str, Any]], said: Sequence[Said | None], planned: Sequence[Planned]) -> None:
    """Compare each row's answers with those of its f32 reference, in place."""
    models = [item.model for item in planned]
    for index, row in enumerate(rows):
        mine, which = said[index], prediction_metrics.reference_of(index, rows, models)
        other = None if which is None else said[which]
        if mine is None or which is None or other is None:
            continue
        row |= prediction_metrics.agree(mine, other)
        row["against"] = {name: rows[which][name] for name in ("model", "backend", "precision")} | {
            "same_model": models[which] == models[index]
        }


def _truth(model: Model, manifest: Manifest | None, entries: list[Entry] | None) -> Any:
    return None if manifest is None or entries is None else images.truth(manifest, entries, model.classes)


def _data(
    manifest: Manifest | None, entries: list[Entry] | None, options: Options, models: list[Model], truths: list[Any]
) -> dict[str, Any]:
    if manifest is None or entries is None:
        return {"source": SYNTHETIC, "protocol": None, "split": None, "manifest_sha256": None, "n": 0, "of": 0}
    return {
        **facts(manifest, options.split).to_json(),
        "n": len(entries),
        "of": len(manifest.split(options.split)),
        "classes": list(models[0].classes),
        "truth": prediction_metrics.coded(truths[0], len(models[0].classes)),
    }


def _protocol(options: Options, used: float | None, seats: Sequence[Seat]) -> dict[str, Any]:
    """How it was measured, and what else the machine did: before, and in the worst turn."""
    during = [result["others"] for seat in seats for result in seat.found if result.get("others") is not None]
    return {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "threads": options.threads,
        "batches": list(options.batches),
        "baseline": options.baseline,
        "order": "every row once a round, each turn in a fresh process, every other round backwards",
        "wide": summary.WIDE,
        "load_before": used,
        "load_during": {"median": float(np.median(during)), "most": max(during)} if during else None,
        "busy": system_load.BUSY,
    }


def lowest(rows: Sequence[dict[str, Any]]) -> float | None:
    """The lowest accuracy of the rows that were measured; None if there is none."""
    return min((row["accuracy"] for row in rows if row["accuracy"] is not None), default=None)
