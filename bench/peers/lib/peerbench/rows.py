"""From turns to rows: speed, size, accuracy with its interval, and how a peer's answers stand beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgewbc.bench import summary
from edgewbc.bench.prediction_metrics import Predictions, agreement
from edgewbc.bench.rounds import RoundRatio
from edgewbc.bench.row import BenchRow
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.metrics import score
from peerbench.turns import Runner

LEFT_OUT = ("latency_quantiles_ms",)
"""Of what is measured: a distribution a row is more than a table of peers needs."""

UNMEASURED = (
    *("precision_ran", "images_per_s", "latency_ms", "size_mb", "threads", "batch", "spread", "n", "correct"),
    *("accuracy", "interval", "agreement", "mcnemar", "same_network", "speed"),
)


def rows(runners: Sequence[Runner], manifest: Manifest, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """The rows in the runners' order; the first one is ours, and the others are compared with it.

    Args:
        entries: the pictures that were answered, in order.

    Returns:
        for each row its facts and, where it was measured, what `bench.summary.timed` and `metrics.score` give, and
        agreement and mcnemar with ours (b: only this row is right, c: only ours), speed (its pictures a second to
        ours, by round), and same_network (against, agreement, largest_difference of a probability) where a row of the
        toolkit answered with the same network. A row that was not measured has `error`.
    """
    said = [_said(runner, manifest, entries) for runner in runners]
    found = [_row(runner, answered) for runner, answered in zip(runners, said, strict=True)]
    for index, (row, answered) in enumerate(zip(found, said, strict=True)):
        if answered is None or index == 0:
            continue
        if said[0] is not None:
            beside = _agreement(answered, said[0], found[0])
            row |= {name: beside[name] for name in ("agreement", "mcnemar")}
            rates = row["rounds"]["images_per_s"], found[0]["rounds"]["images_per_s"]
            row["speed"] = RoundRatio.between(*rates).to_json()
        row["same_network"] = _same(index, found, said)
    return found


def _agreement(mine: Predictions, other: Predictions, row: dict[str, Any]) -> dict[str, Any]:
    named = BenchRow(row["model"], row["backend"], row["precision"])
    return agreement(mine, other, named, same_model=False).to_json()


def _said(runner: Runner, manifest: Manifest, entries: Sequence[Entry]) -> Predictions | None:
    if runner.error or not (runner.latency and runner.throughput):
        return None
    probabilities = np.load(runner.predictions, allow_pickle=False)
    if probabilities.shape != (len(entries), len(runner.classes)):
        runner.error = f"answered {probabilities.shape}, not ({len(entries)}, {len(runner.classes)})"
        return None
    if not np.isfinite(probabilities).all():
        runner.error = "some probabilities are no numbers"
        return None
    return Predictions(probabilities, images.truth(manifest, entries, runner.classes), runner.classes)


def _row(runner: Runner, said: Predictions | None) -> dict[str, Any]:
    row: dict[str, Any] = {**runner.facts, **dict.fromkeys(UNMEASURED)}
    if said is None:
        return row | {"error": runner.error or "it was not measured"}
    timed = summary.timed(runner.latency, runner.throughput).to_json()
    version = timed.pop("version")
    row |= {name: value for name, value in timed.items() if name not in LEFT_OUT}
    row |= {"runtime": version} | score(said.truth, said.labels, said.classes)
    if row.get("gmac"):
        row["gmac_per_s"] = row["gmac"] * row["images_per_s"]
    return row


def _same(index: int, rows: Sequence[dict[str, Any]], said: Sequence[Predictions | None]) -> dict[str, Any] | None:
    """How far a row is from the toolkit's own answers with the same network; None if there are none."""
    mine, network = said[index], rows[index].get("network")
    for other, answered in enumerate(said):
        if other == index or not rows[other]["ours"] or rows[other].get("network") != network:
            continue
        if network is None or mine is None or answered is None:
            continue
        beside = _agreement(mine, answered, rows[other])
        against = {name: rows[other][name] for name in ("model", "backend", "precision")}
        return {"against": against, "agreement": beside["agreement"], "largest_difference": beside["parity"]}
    return None
