"""Rows of the comparison from their measurements: speed, size, accuracy, and agreement with edgewbc's row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgewbc.bench import summary
from edgewbc.bench.prediction_metrics import Predictions, agreement
from edgewbc.bench.rounds import RoundRatio
from edgewbc.bench.row import BenchRow
from edgewbc.bench.scores import Agreement
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.metrics import score
from peerbench.rounds import PeerRow

LEFT_OUT = ("latency_quantiles_ms",)
"""Keys of a measured row that the result does not hold: it has no plot of latencies."""

UNMEASURED = (
    *("precision_ran", "images_per_s", "latency_ms", "size_mb", "threads", "batch", "spread", "n", "correct"),
    *("accuracy", "interval", "agreement", "mcnemar", "same_network", "speed"),
)
"""Keys that every row has, with None where nothing was measured."""


def rows(measured: Sequence[PeerRow], manifest: Manifest, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the rows as JSON values, in order; the first is edgewbc's, and the others are compared with it.

    Args:
        measured: the rows with their measurements.
        manifest: the labeled images.
        entries: the images that were predicted, in order.

    Returns:
        for each row its facts and, if it was measured, the keys of `bench.summary.timed` and `metrics.Scores`, and
        agreement and mcnemar with the first row (b: only this row is correct, c: only the first is), speed (its
        throughput over that of the first row, by round), and same_network (against, agreement, largest_difference of
        a probability) if a row of edgewbc runs the same network. A row that was not measured has `error`.
    """
    predictions = [_predictions(row, manifest, entries) for row in measured]
    found = [_row(row, one) for row, one in zip(measured, predictions, strict=True)]
    for index, (row, mine) in enumerate(zip(found, predictions, strict=True)):
        if mine is None or index == 0:
            continue
        if predictions[0] is not None:
            compared = _agreement(mine, predictions[0], found[0]).to_json()
            row |= {name: compared[name] for name in ("agreement", "mcnemar")}
            rates = row["rounds"]["images_per_s"], found[0]["rounds"]["images_per_s"]
            row["speed"] = RoundRatio.between(*rates).to_json()
        row["same_network"] = _same_network(index, found, predictions)
    return found


def _agreement(mine: Predictions, other: Predictions, row: dict[str, Any]) -> Agreement:
    named = BenchRow(row["model"], row["backend"], row["precision"])
    return agreement(mine, other, named, same_model=False)


def _predictions(row: PeerRow, manifest: Manifest, entries: Sequence[Entry]) -> Predictions | None:
    """Read and check the predictions of a row; None, and an error in the row, if they cannot be used."""
    if row.error or not (row.latency and row.throughput):
        return None
    probabilities = np.load(row.predictions, allow_pickle=False)
    if probabilities.shape != (len(entries), len(row.classes)):
        row.error = f"returned probabilities of shape {probabilities.shape}, not ({len(entries)}, {len(row.classes)})"
        return None
    if not np.isfinite(probabilities).all():
        row.error = "some probabilities are not finite"
        return None
    return Predictions(probabilities, images.truth(manifest, entries, row.classes), row.classes)


def _row(measured: PeerRow, predictions: Predictions | None) -> dict[str, Any]:
    row: dict[str, Any] = {**measured.facts, **dict.fromkeys(UNMEASURED)}
    if predictions is None:
        return row | {"error": measured.error or "it was not measured"}
    timed = summary.timed(measured.latency, measured.throughput).to_json()
    version = timed.pop("version")
    row |= {name: value for name, value in timed.items() if name not in LEFT_OUT}
    row |= {"runtime": version} | score(predictions.truth, predictions.labels, predictions.classes).to_json()
    if row.get("gmac"):
        row["gmac_per_s"] = row["gmac"] * row["images_per_s"]
    return row


def _same_network(
    index: int, rows: Sequence[dict[str, Any]], predictions: Sequence[Predictions | None]
) -> dict[str, Any] | None:
    """Compare a row with edgewbc's row of the same network; None if there is none."""
    mine, network = predictions[index], rows[index].get("network")
    for position, other in enumerate(predictions):
        row = rows[position]
        if position == index or not row["ours"] or row.get("network") != network:
            continue
        if network is None or mine is None or other is None:
            continue
        compared = _agreement(mine, other, row)
        against = {name: row[name] for name in ("model", "backend", "precision")}
        return {"against": against, "agreement": compared.agreement, "largest_difference": compared.parity}
    return None
