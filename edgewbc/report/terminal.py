"""A benchmark, or the comparison of two, as text for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from edgewbc.bench.compare import Change, Comparison
from edgewbc.bench.end_to_end_result import EndToEndResult, ProcessesSpeed
from edgewbc.bench.result import BenchResult
from edgewbc.bench.row import MeasuredRow
from edgewbc.bench.summary import WIDE
from edgewbc.cells import REFERENCE
from edgewbc.data.manifest import SYNTHETIC
from edgewbc.report.terminal_tables import LATENCY, PREDICTIONS, THROUGHPUT, WIDEST, fit, table
from edgewbc.utils import text

INTEGER: Final = 0.95
"""Share of an int8 model's multiply-adds below which a line says that the runtime runs the others in float."""
LEGEND: Final = (
    "rounds: least-most. peak: share of this CPU's measured multiply-adds per second in that precision. us/app: our "
    "throughput over that of OpenVINO's benchmark_app. thr*str: threads and streams, as the runtime reports them. "
    "cores: kept busy. MB: size of the model. RSS: peak memory, MB. start: to the first prediction. Images are decoded "
    "and resized before: only the model is timed, in throughput with the best batch size, in latency one image at a "
    "time. agrees: same label as the f32 reference row, which is named under with. parity: largest difference of a "
    "probability. Columns that do not fit are left out; --json has all."
)


def render(result: BenchResult) -> str:
    """Return the title with protocol and machine, the tables, what their columns mean, and the rows that failed."""
    done = result.measured
    parts = [title(result)]
    if done:
        parts += [table(THROUGHPUT, done), table(LATENCY, done)]
    if scored := [row for row in done if row.scores is not None]:
        parts.append(table(PREDICTIONS, scored))
    parts += [_fill(f"failed: {row.model} {row.backend} {row.precision}: {row.error}") for row in result.failed]
    parts += [_fill(line) for line in notes(result)]
    return "\n\n".join(parts)


def title(result: BenchResult) -> str:
    """Return what was measured under which protocol, on which machine, and what that machine reaches."""
    data, machine, how = result.data, result.machine, result.protocol
    if data.protocol is None:
        what = "no manifest: synthetic images, timed only"
    else:
        some = "" if data.n == data.of else f" of {data.of}"
        what = (
            f"{data.source}, protocol {data.protocol}, split {data.split}: {data.n}{some} images, "
            f"manifest {str(data.manifest_sha256)[:12]}"
        )
    lines = [what, f"{machine.cpu}, {machine.cores} cores, {machine.isa}"]
    peaks = [f"{precision} {peak.gmac_per_s:.0f}" for precision, peak in result.peaks.items()]
    if peaks:
        lines.append(f"peak of a plain convolution here, GMAC/s: {', '.join(peaks)}")
    lines.append(f"{how.rounds} rounds of {how.seconds:g} s per mode: {how.order}")
    return "\n".join(_fill(line) for line in lines)


def notes(result: BenchResult) -> list[str]:
    """Return what the columns mean, what disturbed the measurements, and whether the reference is reached."""
    done = result.measured
    found = []
    if done:
        base = result.baseline
        ratio = "" if base is None else f"ratio: of img/s to {_name(base)}, median of the ratios of the rounds. "
        found.append(ratio + LEGEND)
    wide = [row for row in done if row.timing.unsteady]
    if wide:
        found.append(
            f"! unsteady: the rounds differ by more than {100 * WIDE:.0f} % of their median ({len(wide)} of "
            f"{len(done)} rows). Do not rely on these; measure again on an idle machine, or with more --rounds."
        )
    found += disturbed(result)
    found += problems(result, [_name(row) for row in done])
    return [*found, sentence(result)] if has_reference(result) else found


def problems(result: BenchResult, names: Sequence[str]) -> list[str]:
    """Return what went wrong with the rows that were measured, and with the peaks.

    Args:
        result: of the benchmark.
        names: of the measured rows, in order.
    """
    found = []
    for name, row in zip(names, result.measured, strict=True):
        ran, app = row.timing.precision_ran, row.benchmark_app
        if ran not in (None, row.precision):
            found.append(f"{name}: {row.precision} was requested, but it ran in {ran}.")
        if row.benchmark_app_error:
            found.append(f"{name}: no benchmark_app: {row.benchmark_app_error}.")
        if app is not None and not app.near:
            found.append(f"{name}: benchmark_app is faster by more than 3 %.")
        if app is not None and not app.alike:
            found.append(f"{name}: benchmark_app ran with a different number of threads or streams.")
        if row.int8_share is not None and row.int8_share < INTEGER:
            found.append(
                f"{name}: {text.percent(row.int8_share, 0)} of the multiply-adds run in int8, the others in float."
            )
    return [*found, *(f"No peak of {precision}: {error}." for precision, error in result.peak_errors.items())]


def disturbed(result: BenchResult) -> list[str]:
    """Return a line if other programs used the machine before or during the measurements."""
    how = result.protocol
    before, during = how.load_before or 0.0, how.load_during
    median, most = (during.median, during.most) if during else (0.0, 0.0)
    if max(before, median) <= how.busy:
        return []
    return [
        f"disturbed: other programs used {100 * before:.0f} % of the machine before, and "
        f"{100 * median:.0f} % (at most {100 * most:.0f} %) during the measurements"
    ]


def has_reference(result: BenchResult) -> bool:
    """Return whether the poster's accuracy is a yardstick here: real images under a protocol of the literature."""
    known = result.data.protocol in (REFERENCE.protocol, "published")
    return known and result.data.source != SYNTHETIC and any(row.scores is not None for row in result.measured)


def sentence(result: BenchResult) -> str:
    """Say whether the reference accuracy is reached, by which rows, and under which protocol.

    Args:
        result: one for which `has_reference` is true.
    """
    protocol = result.data.protocol
    scores = [row.scores for row in result.measured if row.scores is not None]
    met = sum(bool(one.reference.met) for one in scores)
    which = "every row" if met == len(scores) else f"{met} of {len(scores)} rows" if met else "no row"
    worst = min(scores, key=lambda one: one.accuracy)
    own = REFERENCE.protocol
    of = "" if protocol == own else f" (the poster's own figure is under protocol {own}: {REFERENCE.what})"
    return (
        f"The reference of ~{100 * REFERENCE.accuracy:.0f} % is reached by {which} under protocol {protocol}{of}; "
        f"lowest: {text.percent(worst.accuracy)}, {worst.correct} of {worst.n}, 95 % interval "
        f"{text.interval(worst.interval)}."
    )


def render_comparison(result: Comparison) -> str:
    """Return the comparison of two benchmarks as a table, with what differs between them."""
    header = ("row", "input", "img/s", "99 % interval", "p50", "99 % interval", "changed", "p", "verdict")
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
    parts = [_fill(f"differs: {line}") for line in result.warnings]
    parts.append(fit(header, lines, (0, 5, 0, 2, 0, 3, 1, 4, 0)))
    if result.unit:
        parts.append(_fill(f"img/s and p50 are ratios, second to first, {result.unit}. p50: above 1 is slower."))
    parts += [f"only in the first: {one}" for one in result.gone]
    parts += [f"only in the second: {one}" for one in result.new]
    return "\n".join(parts)


def _change(found: Change | None) -> list[str]:
    if found is None:
        return ["-", "-"]
    interval = found.interval
    return [f"{found.ratio:.3f}", "-" if interval is None else f"{interval[0]:.3f}-{interval[1]:.3f}"]


def _name(row: MeasuredRow) -> str:
    return f"{row.model} {row.backend} {row.precision}"


def _fill(words: str, indent: int = 0) -> str:
    return textwrap.fill(words, WIDEST, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _processes_line(found: ProcessesSpeed) -> str:
    """Return what was measured of `--engine processes`, in one line."""
    memory = "" if found.peak_mb is None else f", {found.peak_mb:.0f} MB each"
    return (
        f"{found.images_per_s:,.1f} images/s with --engine processes, {found.speedup:.2f} times as fast: "
        f"{found.ratio:.2f} of that limit{memory}"
    )


def render_end_to_end(result: EndToEndResult) -> str:
    """Return an end-to-end benchmark as text: a title, and one paragraph for each figure."""
    choice, speed = result.choice, result.speed
    precision = "bf16" if choice.compute == "bf16" else choice.precision
    lines = [
        f"{result.bundle} {precision}, {choice.threads} threads in {choice.streams} streams, batch {result.batch}; "
        f"{result.data.n} images of {result.data.source}; {result.machine.cpu}, {result.machine.isa}",
        f"from file to label  {speed.images_per_s:.1f} images/s",
        f"limit               {speed.limit_images_per_s:.1f} images/s: {speed.decode_ms:.2f} ms of decoding and "
        f"{speed.inference_ms:.2f} ms of inference per image, over {choice.threads} busy cores",
        f"ratio               {speed.ratio:.2f} of that limit; {speed.ratio_alone:.2f} of the limit from a single busy "
        f"core ({speed.decode_alone_ms:.2f} and {speed.inference_alone_ms:.2f} ms)",
    ]
    if speed.processes is not None:
        lines.append(f"a process per core  {_processes_line(speed.processes)}")
    if result.live is not None:
        lines.append(
            f"one image at a time {result.live.p50:.2f} ms (p50) and {result.live.p99:.2f} ms (p99) from its pixels to "
            "its row"
        )
    if result.cold_start is not None:
        lines.append(f"cold start          {result.cold_start.median:.2f} s to the end of classify on one image")
    if result.help_time is not None:
        lines.append(f"edgewbc --help      {result.help_time.median:.2f} s")
    memory = result.memory
    if memory is not None:
        peak = "unknown" if memory.peak_mb is None else f"{memory.peak_mb:.0f} MB"
        lines.append(
            f"peak memory         {peak} over {memory.images:,} images, with a journal, at "
            f"{memory.images_per_s:.1f} images/s"
        )
    title, *figures = lines
    return "\n".join([_fill(title), *(_fill(line, indent=20) for line in figures)])
