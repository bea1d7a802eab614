"""`bench`: prepare the pictures once, measure each row in a process of its own, one after the other, and compare."""

from __future__ import annotations

import json
import subprocess  # noqa: S404
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc.bench import macs
from edgewbc.bench.plan import Abilities, Model, plan
from edgewbc.bench.prepare import Options, jobs
from edgewbc.bench.worker import MARKER, Job
from edgewbc.bundle import Bundle
from edgewbc.data import pictures
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.evaluate import SYNTHETIC, Progress, facts, quiet, reference
from edgewbc.metrics import score

LONGEST = 3600
"""Seconds after which a row is given up."""

Execute = Callable[[Job], dict[str, Any]]


def execute(job: Job) -> dict[str, Any]:
    """Run one job in a fresh process; its result, or `error`."""
    try:
        ran = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "edgewbc.bench.worker"],
            input=job.to_json(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"gave no result in {LONGEST} s"}
    for line in ran.stdout.splitlines():
        if line.startswith(MARKER):
            return dict(json.loads(line.removeprefix(MARKER)))
    said = ran.stderr.strip().splitlines()
    return {"error": f"the process ended with {ran.returncode}: {said[-1] if said else 'it said nothing'}"}


def bench(
    paths: Sequence[Path],
    manifest: Manifest | None,
    options: Options,
    *,
    progress: Progress = quiet,
    execute: Execute = execute,
    able: Abilities | None = None,
) -> dict[str, Any]:
    """Measure models on this machine's CPU.

    Args:
        paths: bundles and run folders.
        manifest: for the accuracy; without one, synthetic pictures are timed and there is no accuracy.
        options: how to measure.
        progress: shows how many rows are done.
        execute: does one job.
        able: what can be measured here; None finds out.

    Returns:
        data (what was answered) and rows. A row that could not be measured has `error`.

    Raises:
        UserError: not a model, an empty split, a picture that changed, or a label that a model does not know.
    """
    able = able or Abilities.here()
    models = [plan(path, able) for path in paths]
    entries = None if manifest is None else _spread(manifest.split(options.split), options.limit)
    truths = [_truth(model, manifest, entries) for model in models]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="edgewbc-bench-") as temporary:
        work = jobs(models, manifest, entries, options, Path(temporary))
        for item in progress(work, "bench", len(work)):
            found = {"error": item.refused} if item.refused else execute(item.job)
            rows.append(_row(models[item.model], item.job, found, truths[item.model], manifest))
    _compare(rows)
    return {"data": _data(manifest, entries, options), "rows": rows}


def _row(model: Model, job: Job, found: dict[str, Any], truth: Any, manifest: Manifest | None) -> dict[str, Any]:
    """A row of the table: what was asked, what was measured, and what it is worth."""
    row: dict[str, Any] = {
        "model": model.name,
        "backend": job.backend,
        "precision": job.precision,
        "input": [job.height, job.width],
        "gmac": _gmac(model, job),
        "images_per_s": None,
        "latency_ms": None,
        "accuracy": None,
        "interval": None,
        "n": None,
        "correct": None,
        "size_mb": None,
        "rss_mb": None,
        "speedup": None,
        "reference": None,
    }
    predicted = found.pop("predicted", None)
    row |= found
    if predicted is not None and manifest is not None:
        scored = score(truth, predicted, model.classes)
        row |= {name: scored[name] for name in ("accuracy", "interval", "n", "correct")}
        row["reference"] = reference(scored["accuracy"], manifest)
    return row


def _gmac(model: Model, job: Job) -> float | None:
    """Billions of multiply-adds of one picture, from the IR of the model."""
    if model.is_run:
        folders = [Path(str(job.converted)) / "f32.xml", model.path / "openvino" / "int8.xml"]
        xml = next((path for path in folders if path.is_file()), None)
        found = None if xml is None else macs.count(xml.read_bytes(), xml.with_suffix(".bin").read_bytes())
    else:
        bundle = Bundle.open(model.path)
        held = next((p for p, files in bundle.manifest["files"].items() if "openvino" in files), None)
        found = None if held is None else macs.count(*map(bundle.read, bundle.model_files("openvino", held)))
    return None if found is None else found / 1e9


def _compare(rows: list[dict[str, Any]]) -> None:
    """Give every row its speed as a ratio to the baseline: the f32 row of the largest network, OpenVINO's if it can."""
    able = [row for row in rows if row["precision"] == "f32" and row["images_per_s"]]
    if not able:
        return
    base = max(able, key=lambda row: (row["backend"] == "openvino", row["gmac"] or 0))  # the first of equals
    for row in rows:
        row["baseline"] = row is base
        if row["images_per_s"]:
            row["speedup"] = row["images_per_s"] / base["images_per_s"]


def _truth(model: Model, manifest: Manifest | None, entries: list[Entry] | None) -> Any:
    return None if manifest is None or entries is None else pictures.truth(manifest, entries, model.classes)


def _spread(entries: list[Entry], limit: int | None) -> list[Entry]:
    if limit is None or limit >= len(entries):
        return entries
    return [entries[i] for i in np.linspace(0, len(entries) - 1, limit).round().astype(int)]


def _data(manifest: Manifest | None, entries: list[Entry] | None, options: Options) -> dict[str, Any]:
    if manifest is None or entries is None:
        return {"source": SYNTHETIC, "protocol": None, "split": None, "manifest_sha256": None, "n": 0}
    return {**facts(manifest, options.split), "n": len(entries), "of": len(manifest.split(options.split))}


def lowest(rows: Sequence[dict[str, Any]]) -> float | None:
    """The lowest accuracy of the rows that were measured; None if there is none."""
    return min((row["accuracy"] for row in rows if row["accuracy"] is not None), default=None)
