"""The comparison as a plain table for the terminal."""

from __future__ import annotations

from typing import Any

from edgewbc.utils.text import figure, interval, percent, table

HEADER = (
    *("peer", "model", "backend", "prec", "img/s", "to ours", "p50 ms", "p99", "MB", "accuracy", "95 % interval"),
    *("agrees", "McNemar p", "minutes"),
)


def text(result: dict[str, Any]) -> str:
    """Return a table of the measured rows, and a line with the reason for each row that was not measured."""
    rows = result["rows"]
    measured = [_cells(row) for row in rows if not row.get("error")]
    parts = [table(HEADER, measured, left=4)] if measured else []
    parts += [
        f"not measured: {row['peer']} {row['model']} {row['backend']} {row['precision']}: {row['error']}"
        for row in rows
        if row.get("error")
    ]
    return "\n".join(parts)


def _cells(row: dict[str, Any]) -> list[str]:
    speed, mcnemar = row["speed"], row["mcnemar"]
    return [
        row["peer"],
        row["model"],
        row["backend"],
        row["precision"],
        figure(row["images_per_s"]),
        "1" if speed is None else f"{speed['ratio']:.2f}",
        figure(row["latency_ms"]["p50"]),
        figure(row["latency_ms"]["p99"]),
        figure(row["size_mb"]),
        percent(row["accuracy"]),
        interval(row["interval"]),
        percent(row["agreement"]),
        "-" if mcnemar is None else f"{mcnemar['p']:.3g}",
        figure(row["minutes"]),
    ]
