"""A benchmark for people: tables of throughput, latency and answers, and one sentence on the reference."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from edgewbc.bench.summary import WIDE
from edgewbc.cells import REFERENCE
from edgewbc.data.manifest import SYNTHETIC
from edgewbc.utils import text

WIDEST = 120
NAMES = ("model", "backend", "prec")
THROUGHPUT = (
    *NAMES,
    "img/s",
    "rounds",
    "ratio",
    "rounds",
    "peak",
    "app",
    "us/app",
    "batch",
    "thr*str",
    "cores",
    "MB",
    "RSS",
)
LATENCY = (*NAMES, "p50 ms", "p90", "p95", "p99", "n", "p50 of the rounds", "thr*str", "RSS MB", "cold start s")
ANSWERS = (*NAMES, "accuracy", "95 % interval", "correct", "balanced", "agrees", "McNemar p", "parity", "with")

LEGEND = (
    "peak: share of this CPU's measured multiply-adds in that precision. app: OpenVINO's benchmark_app on the same IR. "
    "rounds: least-most. cores: kept busy. Pictures are decoded and resized before: the model alone is timed, in "
    "throughput with the best batch, in latency one picture at a time. RSS: peak memory, MB. thr*str: threads and "
    "streams, as the runtime tells them. with: the row whose answers are the reference; parity: largest difference of "
    "a probability."
)


def render(result: dict[str, Any]) -> str:
    """Title with protocol and machine, the tables, what their columns mean, the reference, and the rows that failed."""
    rows = result["rows"]
    done = [row for row in rows if not row.get("error")]
    parts = [title(result)]
    if done:
        parts += [_table(THROUGHPUT, done, _throughput), _table(LATENCY, done, _latency)]
    if any(row["accuracy"] is not None for row in done):
        parts.append(_table(ANSWERS, done, _answers))
    failed = [row for row in rows if row.get("error")]
    parts += [_fill(f"failed: {row['model']} {row['backend']} {row['precision']}: {row['error']}") for row in failed]
    parts += [_fill(line) for line in notes(result)]
    return "\n\n".join(parts)


def title(result: dict[str, Any]) -> str:
    """What was answered under which protocol, on which machine, and what that machine can do."""
    data, machine, how = result["data"], result["machine"], result["protocol"]
    if data["protocol"] is None:
        what = "no manifest: synthetic pictures, timed only"
    else:
        some = "" if data["n"] == data["of"] else f" of {data['of']}"
        what = (
            f"{data['source']}, protocol {data['protocol']}, split {data['split']}: {data['n']}{some} pictures, "
            f"manifest {data['manifest_sha256'][:12]}"
        )
    lines = [what, f"{machine['cpu']}, {machine['cores']} cores, {machine['isa']}"]
    roofs = [f"{p} {found['gmac_per_s']:.0f}" for p, found in result["peaks"].items() if not found.get("error")]
    if roofs:
        lines.append(f"peak of a plain convolution here, GMAC/s: {', '.join(roofs)}")
    lines.append(f"{how['rounds']} rounds of {how['seconds']:g} s a mode: {how['order']}")
    return "\n".join(lines)


def notes(result: dict[str, Any]) -> list[str]:
    """What the columns mean, what disturbs, and whether the reference is met."""
    rows = [row for row in result["rows"] if not row.get("error")]
    found = []
    if rows:
        base = next((row for row in rows if row.get("baseline")), None)
        ratio = "" if base is None else f"ratio: of img/s to {_name(base)}, in each round, the median of them. "
        found.append(ratio + LEGEND)
    wide = [row for row in rows if row["unsteady"]]
    if wide:
        found.append(
            f"! unsteady: its rounds lie further apart than {100 * WIDE:.0f} % of their median ({len(wide)} of "
            f"{len(rows)} rows): do not rely on it; measure again on a quiet machine, or with more --rounds."
        )
    found += disturbed(result)
    found += problems([(_name(row), row) for row in rows], result["peaks"])
    return [*found, sentence(result)]


def problems(rows: Sequence[tuple[str, dict[str, Any]]], peaks: dict[str, dict[str, Any]]) -> list[str]:
    """What did not go as it should with rows that were measured, by their names, and with the peaks."""
    found = []
    for name, row in rows:
        app = row.get("benchmark_app") or {}
        if row["precision_ran"] not in (None, row["precision"]):
            found.append(f"{name} was asked for in {row['precision']}, and ran in {row['precision_ran']}.")
        if app.get("error"):
            found.append(f"{name}: no benchmark_app: {app['error']}.")
        if app.get("near") is False:
            found.append(f"{name}: benchmark_app is faster by more than 3 %.")
        if app.get("alike") is False:
            found.append(f"{name}: benchmark_app ran with other threads or streams than ours.")
    return [*found, *(f"No peak of {name}: {roof['error']}." for name, roof in peaks.items() if roof.get("error"))]


def disturbed(result: dict[str, Any]) -> list[str]:
    """A line if other programs used the machine before or while it was measured."""
    how = result["protocol"]
    during = how["load_during"] or {"median": 0, "most": 0}
    if max(how["load_before"] or 0, during["median"]) <= how["busy"]:
        return []
    return [
        f"disturbed: other programs used {100 * (how['load_before'] or 0):.0f} % of the machine before, and "
        f"{100 * during['median']:.0f} % (at most {100 * during['most']:.0f} %) during the measurements"
    ]


def sentence(result: dict[str, Any]) -> str:
    """Whether the ~99 % reference is met, by which rows, and under which protocol."""
    data = result["data"]
    name = f"The reference of ~{100 * REFERENCE.accuracy:.0f} %"
    rows = [row for row in result["rows"] if row["accuracy"] is not None]
    if data["protocol"] is None or not rows:
        return f"{name} was not measured: " + ("there is no manifest." if data["protocol"] is None else "no row ran.")
    if data["source"] == SYNTHETIC:
        return f"{name} was not measured: synthetic pictures say nothing about real cells."
    met = [row for row in rows if row["reference"]["met"]]
    which = "every row" if len(met) == len(rows) else f"{len(met)} of {len(rows)} rows" if met else "no row"
    worst = min(rows, key=lambda row: row["accuracy"])
    own = REFERENCE.protocol
    of = "" if data["protocol"] == own else f" (the poster's own figure is under protocol {own}: {REFERENCE.what})"
    return (
        f"{name} is met by {which} under protocol {data['protocol']}{of}; "
        f"lowest: {text.percent(worst['accuracy'])}, {worst['correct']} of {worst['n']}, 95 % interval "
        f"{text.interval(worst['interval'])}."
    )


def _table(header: Sequence[str], rows: Sequence[dict[str, Any]], cells: Callable[[dict[str, Any]], list[str]]) -> str:
    """A table no wider than `WIDEST`: the models' names give way."""
    lines = [[row["model"], row["backend"], row["precision"], *cells(row)] for row in rows]
    rest = sum(max(len(line[i]) for line in (header, *lines)) + 2 for i in range(1, len(header)))
    room = max(8, WIDEST - rest)
    return text.table(header, [[_shorten(line[0], room), *line[1:]] for line in lines], left=3)


def _throughput(row: dict[str, Any]) -> list[str]:
    rates, app = row["rounds"]["images_per_s"], row["benchmark_app"] or {}
    mode = row["modes"]["throughput"]
    return [
        text.figure(row["images_per_s"]) + ("!" if "images_per_s" in row["unsteady"] else ""),
        _range(rates),
        _ratio(row["speedup"]),
        _range(row["rounds"].get("speedup", [])),
        "-" if row["peak_share"] is None else f"{100 * row['peak_share']:.0f} %",
        text.figure(app.get("images_per_s")),
        "-" if app.get("ratio") is None else f"{app['ratio']:.2f}",
        str(row["batch"]),
        _threads(mode),
        f"{mode['cores_busy']:.1f}",
        text.figure(row["size_mb"]),
        "-" if row["rss_mb"] is None else f"{row['rss_mb']:.0f}",
    ]


def _latency(row: dict[str, Any]) -> list[str]:
    late = row["latency_ms"]
    return [
        text.figure(late["p50"]) + ("!" if "latency_p50_ms" in row["unsteady"] else ""),
        *(text.figure(late[name]) for name in ("p90", "p95", "p99")),
        str(late["n"]),
        _range(row["rounds"]["latency_p50_ms"]),
        _threads(row["modes"]["latency"]),
        "-" if row["rss_latency_mb"] is None else f"{row['rss_latency_mb']:.0f}",
        text.figure(row["cold_start_s"]),
    ]


def _answers(row: dict[str, Any]) -> list[str]:
    if row["accuracy"] is None:
        return ["-"] * (len(ANSWERS) - len(NAMES))
    against = row["against"] or {}
    own = "itself" if (row["model"], row["backend"], row["precision"]) == tuple(against.values())[:3] else None
    return [
        text.percent(row["accuracy"]),
        text.interval(row["interval"]),
        f"{row['correct']}/{row['n']}",
        text.percent(row["balanced_accuracy"]),
        text.percent(row["agreement"]),
        "-" if row["mcnemar"] is None else f"{row['mcnemar']['p']:.2g}",
        "-" if row["parity"] is None else f"{row['parity']:.1g}",
        own or ("-" if not against else "own f32" if against["same_model"] else _name(against)),
    ]


def _name(row: dict[str, Any]) -> str:
    return f"{row['model']} {row['backend']} {row['precision']}"


def _threads(mode: dict[str, Any]) -> str:
    return f"{mode['threads'] or '?'}*{mode['streams'] or '?'}"


def _range(values: Sequence[float]) -> str:
    return f"{text.figure(min(values))}-{text.figure(max(values))}" if len(values) > 1 else "-"


def _ratio(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{text.figure(value)}x" if value >= 0.01 else "<0.01x"


def _shorten(name: str, room: int) -> str:
    return name if len(name) <= room else f"{name[: room // 2 - 1]}..{name[len(name) - (room - room // 2 - 1) :]}"


def _fill(words: str) -> str:
    return textwrap.fill(words, WIDEST, break_long_words=False, break_on_hyphens=False)
