"""A benchmark for people: tables of throughput, latency and answers, and one sentence on the reference."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence

from edgewbc.bench.compare import Change, Comparison
from edgewbc.bench.result import BenchResult, LoadDuring
from edgewbc.bench.row import FailedRow, MeasuredRow, Mode
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


def render(result: BenchResult) -> str:
    """Title with protocol and machine, the tables, what their columns mean, the reference, and the rows that failed."""
    done = result.measured
    parts = [title(result)]
    if done:
        parts += [_table(THROUGHPUT, done, _throughput), _table(LATENCY, done, _latency)]
    if any(row.scores is not None for row in done):
        parts.append(_table(ANSWERS, done, _answers))
    parts += [_fill(f"failed: {_name(row)}: {row.error}") for row in result.failed]
    parts += [_fill(line) for line in notes(result)]
    return "\n\n".join(parts)


def title(result: BenchResult) -> str:
    """What was answered under which protocol, on which machine, and what that machine can do."""
    data, machine, how = result.data, result.machine, result.protocol
    if data.protocol is None:
        what = "no manifest: synthetic pictures, timed only"
    else:
        some = "" if data.n == data.of else f" of {data.of}"
        what = (
            f"{data.source}, protocol {data.protocol}, split {data.split}: {data.n}{some} pictures, "
            f"manifest {(data.manifest_sha256 or '')[:12]}"
        )
    lines = [what, f"{machine.cpu}, {machine.cores} cores, {machine.isa}"]
    roofs = [f"{name} {peak.gmac_per_s:.0f}" for name, peak in result.peaks.items()]
    if roofs:
        lines.append(f"peak of a plain convolution here, GMAC/s: {', '.join(roofs)}")
    lines.append(f"{how.rounds} rounds of {how.seconds:g} s a mode: {how.order}")
    return "\n".join(lines)


def notes(result: BenchResult) -> list[str]:
    """What the columns mean, what disturbs, and whether the reference is met."""
    rows = result.measured
    found = []
    if rows:
        base = result.baseline
        ratio = "" if base is None else f"ratio: of img/s to {_name(base)}, in each round, the median of them. "
        found.append(ratio + LEGEND)
    wide = [row for row in rows if row.timing.unsteady]
    if wide:
        found.append(
            f"! unsteady: its rounds lie further apart than {100 * result.protocol.wide:.0f} % of their median "
            f"({len(wide)} of {len(rows)} rows): do not rely on it; measure again on a quiet machine, or with more "
            "--rounds."
        )
    found += disturbed(result)
    found += problems([(_name(row), row) for row in rows], result.peak_errors)
    return [*found, sentence(result)]


def problems(rows: Sequence[tuple[str, MeasuredRow]], peak_errors: Mapping[str, str]) -> list[str]:
    """What did not go as it should with rows that were measured, by their names, and with the peaks."""
    found = []
    for name, row in rows:
        app, ran = row.benchmark_app, row.timing.precision_ran
        if ran not in (None, row.precision):
            found.append(f"{name} was asked for in {row.precision}, and ran in {ran}.")
        if row.benchmark_app_error is not None:
            found.append(f"{name}: no benchmark_app: {row.benchmark_app_error}.")
        if app is not None and not app.near:
            found.append(f"{name}: benchmark_app is faster by more than 3 %.")
        if app is not None and not app.alike:
            found.append(f"{name}: benchmark_app ran with other threads or streams than ours.")
    return [*found, *(f"No peak of {name}: {error}." for name, error in peak_errors.items())]


def disturbed(result: BenchResult) -> list[str]:
    """A line if other programs used the machine before or while it was measured."""
    how = result.protocol
    during = how.load_during or LoadDuring(0, 0)
    if max(how.load_before or 0, during.median) <= how.busy:
        return []
    return [
        f"disturbed: other programs used {100 * (how.load_before or 0):.0f} % of the machine before, and "
        f"{100 * during.median:.0f} % (at most {100 * during.most:.0f} %) during the measurements"
    ]


def sentence(result: BenchResult) -> str:
    """Whether the ~99 % reference is met, by which rows, and under which protocol."""
    data = result.data
    name = f"The reference of ~{100 * REFERENCE.accuracy:.0f} %"
    scores = [row.scores for row in result.measured if row.scores is not None]
    if data.protocol is None or not scores:
        return f"{name} was not measured: " + ("there is no manifest." if data.protocol is None else "no row ran.")
    if data.source == SYNTHETIC:
        return f"{name} was not measured: synthetic pictures say nothing about real cells."
    met = sum(one.reference.met is True for one in scores)
    which = "every row" if met == len(scores) else f"{met} of {len(scores)} rows" if met else "no row"
    lowest = min(scores, key=lambda one: one.accuracy)
    own = REFERENCE.protocol
    of = "" if data.protocol == own else f" (the poster's own figure is under protocol {own}: {REFERENCE.what})"
    return (
        f"{name} is met by {which} under protocol {data.protocol}{of}; "
        f"lowest: {text.percent(lowest.accuracy)}, {lowest.correct} of {lowest.n}, 95 % interval "
        f"{text.interval(lowest.interval)}."
    )


def render_comparison(result: Comparison) -> str:
    """Return the comparison of two benchmarks as a table, with what differs between them."""
    header = ("row", "input", "img/s ratio", "99 % interval", "p50 ratio", "99 % interval", "changed", "p", "verdict")
    lines = [
        [
            one.row,
            "x".join(map(str, one.input)),
            *_change(one.throughput),
            *_change(one.latency),
            "-" if one.changed is None else str(one.changed),
            "-" if one.p is None else f"{one.p:.2g}",
            one.verdict,
        ]
        for one in result.rows
    ]
    parts = [f"differs: {line}" for line in result.warnings]
    parts.append(text.table(header, lines))
    if result.unit:
        parts.append(f"Ratios: second to first, {result.unit}. p50: above 1 is slower.")
    parts += [f"only in the first: {one}" for one in result.gone]
    parts += [f"only in the second: {one}" for one in result.new]
    return "\n".join(parts)


def _change(found: Change | None) -> list[str]:
    if found is None:
        return ["-", "-"]
    interval = found.interval
    return [f"{found.ratio:.3f}", "-" if interval is None else f"{interval[0]:.3f}-{interval[1]:.3f}"]


def _table(header: Sequence[str], rows: Sequence[MeasuredRow], cells: Callable[[MeasuredRow], list[str]]) -> str:
    """A table no wider than `WIDEST`: the models' names give way."""
    lines = [[*row.key, *cells(row)] for row in rows]
    rest = sum(max(len(line[i]) for line in (header, *lines)) + 2 for i in range(1, len(header)))
    room = max(8, WIDEST - rest)
    return text.table(header, [[_shorten(line[0], room), *line[1:]] for line in lines], left=3)


def _throughput(row: MeasuredRow) -> list[str]:
    timing, app = row.timing, row.benchmark_app
    mode = timing.throughput_mode
    return [
        text.figure(timing.images_per_s) + ("!" if "images_per_s" in timing.unsteady else ""),
        _range(timing.rounds.images_per_s),
        _ratio(None if row.speedup is None else row.speedup.ratio),
        _range(() if row.speedup is None else row.speedup.rounds),
        "-" if row.peak_share is None else f"{100 * row.peak_share.ratio:.0f} %",
        text.figure(None if app is None else app.images_per_s),
        "-" if app is None else f"{app.ratio.ratio:.2f}",
        str(mode.batch),
        _threads(mode),
        f"{mode.cores_busy:.1f}",
        text.figure(timing.size_mb),
        "-" if timing.rss_mb is None else f"{timing.rss_mb:.0f}",
    ]


def _latency(row: MeasuredRow) -> list[str]:
    timing, late = row.timing, row.timing.latency_ms
    return [
        text.figure(late.p50) + ("!" if "latency_p50_ms" in timing.unsteady else ""),
        *(text.figure(value) for value in (late.p90, late.p95, late.p99)),
        str(late.n),
        _range(timing.rounds.latency_p50_ms),
        _threads(timing.latency_mode),
        "-" if timing.rss_latency_mb is None else f"{timing.rss_latency_mb:.0f}",
        text.figure(timing.cold_start_s),
    ]


def _answers(row: MeasuredRow) -> list[str]:
    scores, agreement = row.scores, row.agreement
    if scores is None:
        return ["-"] * (len(ANSWERS) - len(NAMES))
    columns = [
        text.percent(scores.accuracy),
        text.interval(scores.interval),
        f"{scores.correct}/{scores.n}",
        text.percent(scores.balanced_accuracy),
    ]
    if agreement is None:
        return [*columns, "-", "-", "-", "-"]
    reference = "own f32" if agreement.same_model else " ".join(agreement.reference)
    return [
        *columns,
        text.percent(agreement.agreement),
        f"{agreement.mcnemar.p:.2g}",
        "-" if agreement.parity is None else f"{agreement.parity:.1g}",
        "itself" if agreement.reference == row.key else reference,
    ]


def _name(row: MeasuredRow | FailedRow) -> str:
    return " ".join(row.key)


def _threads(mode: Mode) -> str:
    return f"{mode.threads or '?'}*{mode.streams or '?'}"


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
