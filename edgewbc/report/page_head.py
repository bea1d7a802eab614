"""The words of the page: what was found, on what, on which machine, how to repeat it, and what it does not say."""

from __future__ import annotations

import shlex

from edgewbc.bench.plan import baseline_name
from edgewbc.bench.result import BenchResult
from edgewbc.bench.row import MeasuredRow
from edgewbc.cells import REFERENCE
from edgewbc.data.manifest import SYNTHETIC
from edgewbc.report import terminal
from edgewbc.report.page_rows import Named, between, measured, span, times
from edgewbc.report.scale import short
from edgewbc.utils.text import percent

Fact = tuple[str, str]
"""A term, and what is said of it."""


def subject(result: BenchResult) -> tuple[Named, MeasuredRow] | None:
    """The row that the page is about: the delivered one, else the first with an accuracy, else the first measured."""
    done = measured(result.rows)
    with_accuracy = [one for one in done if one[1].scores is not None]
    return next(iter([*(one for one in done if one[1].delivered), *with_accuracy, *done]), None)


def title(result: BenchResult) -> str:
    """Of the page: the model that is delivered, else the first."""
    found = subject(result)
    name = found[1].model if found else result.rows[0].model if result.rows else "nothing"
    return f"Benchmark of {name}"


def lead(result: BenchResult) -> str:
    """The delivered row in a sentence."""
    found = subject(result)
    if found is None:
        return "No row could be measured; the table says why."
    _, row = found
    parts = []
    if row.scores is not None:
        parts.append(
            f"{row.scores.correct} of {row.scores.n} pictures right ({percent(row.scores.accuracy)}, 95 % interval "
            f"{between(row.scores.interval)})"
        )
    parts.append(f"{short(row.timing.images_per_s)} images a second")
    base = result.baseline
    if row.speedup is not None and base is not None and base is not row:
        over = span(row.speedup.range, "\u00d7")
        parts.append(
            f"{times(row.speedup.ratio)} its baseline ({' '.join(base.key)}"
            + (f"; {over} over the rounds" if "\u2013" in over else "")
            + ")"
        )
    late = row.timing.latency_ms
    parts.append(f"a picture in {short(late.p50)} ms (median; 99 % within {short(late.p99)} ms)")
    parts.append(f"{short(row.timing.size_mb)} MB")
    return f"{row.model} in {row.precision} with {row.backend}: {', '.join(parts)}."


def warnings(result: BenchResult) -> list[str]:
    """What a reader must know before the figures."""
    found = []
    if result.data.source == SYNTHETIC:
        found.append("These pictures were drawn by the toolkit: the answers say nothing about real cells.")
    found += [f"{line[0].upper()}{line[1:]}." for line in terminal.disturbed(result)]
    wide = [name.full for name, row in measured(result.rows) if row.timing.unsteady]
    if wide:
        which = "every row" if len(wide) == len(result.measured) else ", ".join(wide)
        found.append(
            f"Figures marked ! are unsteady: their rounds lie further apart than "
            f"{100 * result.protocol.wide:.0f} % of their median. That is {which}. Do not rely on "
            "them; measure again on a quiet machine, or with more rounds."
        )
    return found


def facts(result: BenchResult) -> list[Fact]:
    """On what was measured, how, when, and on which machine."""
    data, how, machine = result.data, result.protocol, result.machine
    found: list[Fact] = []
    if data.protocol is None:
        found.append(("Data", "no manifest: synthetic pictures, timed only"))
    else:
        some = "" if data.n == data.of else f", spread over {data.of}"
        found += [
            ("Data", f"{data.source}, {data.split} split: {data.n} pictures{some}"),
            ("Protocol", data.protocol),
            ("Manifest", data.manifest_sha256 or "-"),
        ]
    if machine.measured_at:
        found.append(("Date", machine.measured_at))
    memory = "" if machine.memory_gb is None else f", {machine.memory_gb:g} GB of memory"
    found.append(("Machine", f"{machine.cpu}, {machine.cores} cores{memory}"))
    found.append(("Instructions", machine.isa))
    if machine.os:
        found.append(("System", f"{machine.os}, Python {machine.python}"))
    if machine.versions:
        found.append(("Versions", ", ".join(f"{name} {number}" for name, number in machine.versions.items())))
    if machine.commit:
        found.append(("Commit", machine.commit))
    threads = "chosen by each runtime" if how.threads is None else str(how.threads)
    rounds = f"{how.rounds} rounds" if how.rounds > 1 else "1 round"
    found.append(("Measured", f"{rounds} of {how.seconds:g} s a mode: {how.order}; threads {threads}"))
    roofs = [f"{name} {short(one.gmac_per_s)}" for name, one in result.peaks.items()]
    if roofs:
        found.append(("Peaks", f"{', '.join(roofs)} GMAC/s, of a plain large convolution, in the same run"))
    return found


def reference(result: BenchResult) -> list[str]:
    """Whether the poster's figure is met, and what that figure is."""
    return [
        terminal.sentence(result),
        f"The reference is a research poster's figure for VGG16 with global average pooling, on {REFERENCE.n:,} test "
        f"pictures of {len(REFERENCE.classes)} types, under the protocol named {REFERENCE.protocol} here. Figures of "
        "two protocols are not the same claim.",
    ]


def problems(result: BenchResult) -> list[str]:
    """What did not go as it should, other than rows that failed (the table has these)."""
    return terminal.problems([(name.full, row) for name, row in measured(result.rows)], result.peak_errors)


def commands(result: BenchResult) -> list[str]:
    """The commands that measure it again; capitals stand for paths, which the result does not hold."""
    data, how, rows = result.data, result.protocol, result.rows
    words = ["edgewbc bench --device cpu"]
    side = how.baseline
    timed = None if side is None else baseline_name(side)
    models = [name for name in dict.fromkeys(row.model for row in rows) if name != timed]
    words += [f"--model {shlex.quote(name)}" for name in models]
    if side is not None:
        words.append(f"--baseline {side}")
    if data.protocol is not None and data.split is not None:
        words.append(f"--data MANIFEST --split {shlex.quote(data.split)}")
        if data.n < data.of:
            words.append(f"--limit {data.n}")
    words.append(f"--seconds {how.seconds:g} --rounds {how.rounds}")
    if how.threads is not None:
        words.append(f"--threads {how.threads}")
    if len(how.batches) == 1:
        words.append(f"--batch {how.batches[0]}")
    if not result.peaks and not result.peak_errors:
        words.append("--no-peaks")
    if all(row.benchmark_app is None and row.benchmark_app_error is None for row in result.measured):
        words.append("--no-benchmark-app")
    words.append("--out again.json --report again.html")
    return [" ".join(words), "edgewbc bench compare RESULT.json again.json"]


LIMITS = (
    "A research tool, not a medical device. A person who knows cells decides.",
    "Accuracy holds for pictures like these. On another laboratory's stain and microscope a network like this one can "
    "break; measure it on your own labelled cells before you rely on it.",
    "The intervals take pictures for independent. Where several show one cell, slide or patient they are too narrow.",
    "Speeds are of this machine and these versions. Elsewhere compare the ratios to the baseline, and measure again.",
    "The model alone is timed. Pictures were decoded, cropped and resized before; a whole run from file to label is "
    "what edgewbc bench --end-to-end measures.",
)
