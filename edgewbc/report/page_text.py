"""The text of the page: what was measured, on what data and machine, how to repeat it, and its limits."""

from __future__ import annotations

import shlex

from edgewbc.bench.plan import baseline_name
from edgewbc.bench.result import BenchResult
from edgewbc.bench.row import MeasuredRow
from edgewbc.cells import REFERENCE
from edgewbc.data.manifest import SYNTHETIC
from edgewbc.report import terminal
from edgewbc.report.page_predictions import main_row
from edgewbc.report.page_tables import RowName, between, measured, short, span, times
from edgewbc.utils.text import percent

Fact = tuple[str, str]
"""A term and its value."""


def subject(result: BenchResult) -> tuple[RowName, MeasuredRow] | None:
    """Return the delivered row, else the first with an accuracy, else the first that was measured."""
    done = measured(result.rows)
    delivered = next((pair for pair in done if pair[1].delivered), None)
    if delivered is None and (found := main_row(result.rows)):
        return found[0], found[1]
    return delivered or next(iter(done), None)


def title(result: BenchResult) -> str:
    """Return the page's title: the model that is delivered, else the first."""
    found = subject(result)
    name = found[1].model if found else result.rows[0].model if result.rows else "no model"
    return f"Benchmark of {name}"


def lead(result: BenchResult) -> str:
    """Describe the delivered row in a sentence."""
    found = subject(result)
    if found is None:
        return "No row could be measured; the table gives the reasons."
    row = found[1]
    parts = []
    if (scores := row.scores) is not None:
        parts.append(
            f"{scores.correct} of {scores.n} images correct ({percent(scores.accuracy)}, 95 % interval "
            f"{between(scores.interval)})"
        )
    parts.append(f"{short(row.timing.images_per_s)} images per second")
    base = result.baseline
    if row.speedup is not None and base is not None and base is not row:
        over = span(row.speedup.rounds, "\u00d7")
        rounds = f"; {over} over the rounds" if "\u2013" in over else ""
        parts.append(
            f"{times(row.speedup.ratio)} the throughput of the baseline ({base.model} {base.backend} "
            f"{base.precision}{rounds})"
        )
    late = row.timing.latency_ms
    parts.append(f"{short(late.p50)} ms per image (median; 99 % within {short(late.p99)} ms)")
    parts.append(f"{short(row.timing.size_mb)} MB")
    return f"{row.model} in {row.precision} with {row.backend}: {', '.join(parts)}."


def warnings(result: BenchResult) -> list[str]:
    """Return what a reader must know before the figures."""
    found = []
    if result.data.source == SYNTHETIC:
        found.append("These images are synthetic: the accuracy says nothing about real cells.")
    found += [f"{line[0].upper()}{line[1:]}." for line in terminal.disturbed(result)]
    done = measured(result.rows)
    wide = [name.full for name, row in done if row.timing.unsteady]
    if wide:
        which = "every row" if len(wide) == len(done) else ", ".join(wide)
        found.append(
            f"Figures marked ! are unsteady: their rounds differ by more than {100 * result.protocol.wide:.0f} % of "
            f"their median ({which}). Do not rely on them; measure again on an idle machine, or with more rounds."
        )
    return found


def facts(result: BenchResult) -> list[Fact]:
    """Return what was measured, how, when, and on which machine."""
    data, how, machine = result.data, result.protocol, result.machine
    found: list[Fact] = []
    if data.protocol is None:
        found.append(("Data", "no manifest: synthetic images, timed only"))
    else:
        some = "" if data.n == data.of else f", sampled evenly from {data.of}"
        found += [
            ("Data", f"{data.source}, {data.split} split: {data.n} images{some}"),
            ("Protocol", data.protocol),
            ("Manifest", str(data.manifest_sha256)),
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
    found.append(("Measured", f"{rounds} of {how.seconds:g} s per mode: {how.order}; threads {threads}"))
    peaks = [f"{name} {short(peak.gmac_per_s)}" for name, peak in result.peaks.items()]
    if peaks:
        found.append(("Peaks", f"{', '.join(peaks)} GMAC/s, of a plain large convolution, in the same run"))
    return found


def reference(result: BenchResult) -> list[str]:
    """Say whether the poster's accuracy is reached, and what that figure is; nothing where it does not apply.

    It applies to test images of a published protocol: not to synthetic images, and not to a laboratory's own cells.
    """
    if not terminal.has_reference(result):
        return []
    return [
        terminal.sentence(result),
        f"The reference is the accuracy that a research poster reports for VGG16 with global average pooling, on "
        f"{REFERENCE.n:,} test images of {len(REFERENCE.classes)} classes, under the protocol named "
        f"{REFERENCE.protocol} here. Accuracies under two protocols are not comparable.",
    ]


def problems(result: BenchResult) -> list[str]:
    """Return what went wrong in rows that were measured; the table has those that were not."""
    return terminal.problems(result, [name.full for name, _ in measured(result.rows)])


def commands(result: BenchResult) -> list[str]:
    """Return the commands that repeat the benchmark; capitals stand for paths, which the result does not have."""
    data, how, rows = result.data, result.protocol, result.rows
    words = ["edgewbc bench --device cpu"]
    timed = None if how.baseline is None else baseline_name(how.baseline)
    models = [name for name in dict.fromkeys(row.model for row in rows) if name != timed]
    words += [f"--model {shlex.quote(name)}" for name in models]
    if how.baseline is not None:
        words.append(f"--baseline {how.baseline}")
    if data.protocol is not None:
        words.append(f"--data MANIFEST --split {shlex.quote(str(data.split))}")
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
    "A research tool, not a medical device. A qualified person decides.",
    "The accuracy holds for images like these. It can drop sharply with another laboratory's stain and microscope: "
    "measure it on your own labeled cells before you rely on it.",
    "The intervals treat images as independent. Where several show one cell, slide or patient, they are too narrow.",
    "Speeds are of this machine and these versions. Elsewhere, compare ratios to the baseline, and measure again.",
    "Only the model is timed. Images were decoded, cropped and resized before; edgewbc bench --end-to-end measures "
    "from file to label.",
)
