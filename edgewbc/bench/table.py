"""A benchmark for people: one table, and one sentence on the reference."""

from __future__ import annotations

import textwrap
from typing import Any

from edgewbc.cells import REFERENCE_ACCURACY
from edgewbc.evaluate import SYNTHETIC
from edgewbc.report import text

WIDEST = 120
HEADER = (
    "model",
    "backend",
    "prec",
    "accuracy",
    "95 % interval",
    "img/s",
    "ratio",
    "p50/p95/p99 ms",
    "batch",
    "MB",
    "RSS MB",
)


def render(result: dict[str, Any]) -> str:
    """Title with protocol and machine, the table, what its columns mean, the reference, and the rows that failed."""
    rows = result["rows"]
    done = [row for row in rows if not row.get("error")]
    parts = [title(result), _table(done)] if done else [title(result)]
    failed = [row for row in rows if row.get("error")]
    parts += [_fill(f"failed: {row['model']} {row['backend']} {row['precision']}: {row['error']}") for row in failed]
    base = next((row for row in rows if row.get("baseline")), None)
    if base is not None:
        parts.append(
            _fill(
                f"ratio: of img/s to {base['model']} {base['backend']} {base['precision']}, in this run. img/s: with "
                "the best batch; ms: one picture at a time. Pictures are decoded and resized before: the model alone "
                "is timed. RSS: peak memory of the row's process."
            )
        )
    parts.append(_fill(sentence(result)))
    return "\n\n".join(parts)


def title(result: dict[str, Any]) -> str:
    """What was answered under which protocol, and on which machine."""
    data, machine = result["data"], result["machine"]
    if data["protocol"] is None:
        what = "no manifest: synthetic pictures, timed only"
    else:
        some = "" if data["n"] == data["of"] else f" of {data['of']}"
        what = (
            f"{data['source']}, protocol {data['protocol']}, split {data['split']}: {data['n']}{some} pictures, "
            f"manifest {data['manifest_sha256'][:12]}"
        )
    return f"{what}\n{machine['cpu']}, {machine['cores']} cores, {machine['isa']}"


def sentence(result: dict[str, Any]) -> str:
    """Whether the ~99 % reference is met, by which rows, and under which protocol."""
    data = result["data"]
    name = f"The reference of ~{100 * REFERENCE_ACCURACY:.0f} %"
    rows = [row for row in result["rows"] if row["accuracy"] is not None]
    if data["protocol"] is None or not rows:
        return f"{name} was not measured: " + ("there is no manifest." if data["protocol"] is None else "no row ran.")
    if data["source"] == SYNTHETIC:
        return f"{name} was not measured: synthetic pictures say nothing about real cells."
    met = [row for row in rows if row["reference"]["met"]]
    which = "every row" if len(met) == len(rows) else f"{len(met)} of {len(rows)} rows" if met else "no row"
    worst = min(rows, key=lambda row: row["accuracy"])
    of = "" if data["protocol"] == "poster" else " (the poster's own figure is under protocol poster)"
    return (
        f"{name} is met by {which} under protocol {data['protocol']}{of}; "
        f"lowest: {text.percent(worst['accuracy'])}, {worst['correct']} of {worst['n']}."
    )


def _table(rows: list[dict[str, Any]]) -> str:
    cells = [_cells(row) for row in rows]
    rest = sum(max(len(line[i]) for line in (HEADER, *cells)) + 2 for i in range(1, len(HEADER)))
    room = max(8, WIDEST - rest)
    return text.table(HEADER, [[_shorten(line[0], room), *line[1:]] for line in cells], left=3)


def _cells(row: dict[str, Any]) -> list[str]:
    late = row["latency_ms"]
    return [
        row["model"],
        row["backend"],
        row["precision"],
        text.percent(row["accuracy"]),
        text.interval(row["interval"]),
        f"{row['images_per_s']:.0f}" if row["images_per_s"] >= 100 else f"{row['images_per_s']:.1f}",
        _ratio(row["speedup"]),
        "/".join(_short(late[name]) for name in ("p50", "p95", "p99")),
        str(row["batch"]),
        _short(row["size_mb"]),
        "-" if row["rss_mb"] is None else f"{row['rss_mb']:.0f}",
    ]


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ratio(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}x" if value >= 0.01 else "<0.01x"


def _shorten(name: str, room: int) -> str:
    return name if len(name) <= room else f"{name[: room // 2 - 1]}..{name[len(name) - (room - room // 2 - 1) :]}"


def _fill(words: str) -> str:
    return textwrap.fill(words, WIDEST, break_long_words=False, break_on_hyphens=False)
