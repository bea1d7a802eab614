"""The results as Markdown, from the JSON that `edgewbc eval --out`, `edgewbc bench --out` and the studies wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import (
    adapt,
    audits_report,
    cpu_modes,
    decoders,
    golden,
    limits_external,
    networks,
    onnx_int8,
    orientations,
    pick,
    result_file,
    unknown,
    views,
)
from bench.console import CHECKOUT
from bench.edge import report as edge_report
from bench.edge.result import EdgeResult
from bench.peers import report as peers_report
from bench.peers.result import PeersResult
from bench.poster import report as poster_report
from bench.poster.result import PosterResult
from bench.training import result as training
from bench.travel import report as travel_report
from bench.widths import report as widths_report
from bench.widths.result import WidthsResult
from edgewbc.bench.end_to_end_result import EndToEndResult
from edgewbc.bench.result import BenchResult
from edgewbc.bench.row import MeasuredRow
from edgewbc.bundle.bundle import Bundle
from edgewbc.data.manifest import SYNTHETIC
from edgewbc.errors import UserError
from edgewbc.evaluation.result import EvalResult
from edgewbc.utils.files import read_json
from edgewbc.utils.text import figure, interval, markdown, percent

EVALS = "eval-*.json"
BENCH = "bench-cpu.json"
POSTER = "poster.json"
LEAK = "poster-leak.svg"
EDGE = "edge.json"
FRONT = "edge-front.svg"
LAB = "lab.json"
WIDTHS = "widths.json"
PEERS = "peers.json"
ONNX_INT8 = "onnx-int8.json"
GOLDEN = "golden.json"
CPU_MODES = "cpu-modes.json"
ORIENTATIONS = "orientations.json"
DECODERS = "decoders.json"
NETWORKS = "networks.json"
TRAINING = "training.json"
LIMITS = "limits-abroad.json"
VIEWS = "views.json"
ADAPT = "adapt.json"
PICK = "pick.json"
UNKNOWN = "unknown.json"
PEERS_FRONT = "peers-front.svg"
TRAVEL = "travel.json"
TRAVEL_FIGURE = "travel.svg"

NONE = "No results have been committed yet."

INTRODUCTION = """# Results

This page is generated from the JSON files in [bench/results](../bench/results/) by `python -m bench.readme`. Every
accuracy names its protocol: accuracies under two protocols are not comparable. Intervals are Wilson's, 95 %, unless
stated otherwise. The test split was read for these figures only.

A research tool, not a medical device: on images from another laboratory's stain and microscope the accuracy can be far
lower. Measure it on your own labeled cells."""


def results(folder: Path) -> str:
    """Return docs/results.md: a section for each result in a folder; a line that says so if there is none.

    Results on synthetic images are left out: they say nothing about real cells.

    Raises:
        UserError: a file cannot be read, or is not a result of this version.
    """
    parts = []
    try:
        real = [found for found in _evaluations(folder) if found.source != SYNTHETIC]
        if real:
            parts += ["## Accuracy of the released models", accuracy_table(real)]
        if (folder / BENCH).is_file():
            parts += ["## Speed on a CPU", speed_table(BenchResult.read(folder / BENCH))]
        sections: tuple[tuple[str, str, Callable[[Mapping[str, Any]], str], str, str], ...] = (
            (TRAVEL, "Images of other laboratories", travel_report.markdown, TRAVEL_FIGURE, travel_report.CAPTION),
            (LIMITS, "What limits the accuracy in another laboratory", limits_external.section, "", ""),
            (VIEWS, "Several views of a cell", views.section, "", ""),
            (ADAPT, "Adapting to another laboratory", adapt.section, "", ""),
            (PICK, "Picking cells to label", pick.section, "", ""),
            (LAB, "From file to label", _lab, "", ""),
            (DECODERS, "Ways to decode a JPEG", decoders.section, "", ""),
            (UNKNOWN, "Cells of kinds that a network does not know", unknown.markdown_table, "", ""),
            (POSTER, "The poster's accuracies, with and without leakage", _poster, LEAK,
             poster_report.CAPTION),
            (EDGE, "Search for small and fast networks", _edge, FRONT, edge_report.CAPTION),
            (ONNX_INT8, "INT8 under ONNX Runtime", onnx_int8.section, "", ""),
            (GOLDEN, "Golden samples", golden.section, "", ""),
            (CPU_MODES, "Precision, batch size and streams by instruction set", cpu_modes.section, "", ""),
            (ORIENTATIONS, "Averaging over orientations", orientations.section, "", ""),
            (NETWORKS, "Networks of timm", networks.table, "", ""),
            (TRAINING, "Training on a CPU", training.section, "", ""),
            (WIDTHS, "Cost of a channel", _widths, "", ""),
            (PEERS, "Comparison with other toolkits", _peers, PEERS_FRONT, peers_report.CAPTION),
        )  # fmt: skip
        for name, title, table, drawing, caption in sections:
            if (folder / name).is_file():
                parts += [f"## {title}", result_file.read(folder / name, table)]
                if drawing and (folder / drawing).is_file():
                    parts.append(f"![{caption}](../bench/results/{drawing})\n\n{caption}.")
        if audited := audits_report.table(folder):
            parts += ["## Duplicates and leaks in the data", audited]
        if labels := audits_report.label_table(folder):
            parts += ["## Labels that are most likely wrong", labels]
    except (KeyError, TypeError) as error:
        raise UserError(f"{folder}: a file in it is not a result of this version of edgewbc: {error!r}") from None
    return "\n\n".join([INTRODUCTION, *(parts or [NONE])])


def headline(folder: Path) -> str:
    """Return the small table of README.md: accuracy, speed ratio and size of every network, as OpenVINO runs it.

    Raises:
        UserError: the file cannot be read, or is not a result of this version.
    """
    if not (folder / BENCH).is_file():
        return NONE
    result = BenchResult.read(folder / BENCH)
    base, data = result.baseline, result.data
    shown: dict[str, MeasuredRow] = {}
    for row in result.measured:
        if row.backend == "openvino":
            shown.setdefault(row.model, row)
    header = ("network", "precision", "accuracy", "95 % interval", "speed ratio", "size, MB")
    lines = [
        [
            row.model,
            row.precision,
            "-" if row.scores is None else f"{percent(row.scores.accuracy)} ({row.scores.correct} of {row.scores.n})",
            "-" if row.scores is None else interval(row.scores.interval),
            "-" if row.speedup is None else f"{row.speedup.ratio:,.0f}",
            figure(row.timing.size_mb),
        ]
        for row in shown.values()
    ]
    ratio = "" if base is None else f" Speed is the throughput over that of {base.model} in {base.precision}."
    return (
        f"{markdown(header, lines, range(2, len(header)))}\n\n"
        f"Accuracy on {data.source}, protocol `{data.protocol}`, {data.split} split; OpenVINO on {result.machine.cpu}, "
        f"{result.machine.cores} cores, in one run.{ratio}"
    )


def _evaluations(folder: Path) -> list[EvalResult]:
    what = "a result of `edgewbc eval --out`"
    return [EvalResult.from_json(read_json(path, what)) for path in sorted(folder.glob(EVALS))]


def accuracy_table(found: Sequence[EvalResult]) -> str:
    """Return a row for each evaluation: the model, the protocol, the counts, and the hashes."""
    header = (
        "model", "precision", "backend", "data, protocol, split", "correct", "accuracy", "95 % interval",
        "balanced accuracy", "model sha256",
    )  # fmt: skip
    rows = [
        [
            one.model,
            one.precision,
            one.backend,
            f"{one.source}, `{one.protocol}`, {one.split}",
            f"{one.correct} of {one.n}",
            percent(one.accuracy),
            interval(one.interval),
            percent(one.balanced_accuracy),
            f"`{one.model_sha256[:12]}`",
        ]
        for one in found
    ]
    manifests = sorted({f"{one.source} `{one.protocol}` `{one.manifest_sha256[:12]}`" for one in found})
    several = {one.model: one.views for one in found if one.views > 1}
    averaged = [
        f"The label of {name} is that of the mean of {count} views of a cell." for name, count in several.items()
    ]
    notes = " ".join([f"Manifests: {', '.join(manifests)}.", *averaged])
    return f"{markdown(header, rows, numbers=(4, 5, 6, 7))}\n\n{notes}"


def speed_table(result: BenchResult, bundles: Path = CHECKOUT / "export" / "bundles") -> str:
    """Return a row for each measured row of a benchmark, its speed as a ratio to the baseline of the same run.

    The share of the CPU's peak and benchmark_app's images per second are shown where they were measured. Threads,
    batch, input size, hashes and intervals are in the JSON.

    Args:
        result: of the benchmark.
        bundles: folder of the released bundles, with whose model files those that were measured are compared.
    """
    machine, data, base = result.machine, result.data, result.baseline
    counted = data.protocol is not None and data.source != SYNTHETIC
    columns: list[tuple[str, Callable[[MeasuredRow], str]]] = [
        ("model", lambda row: row.model),
        ("backend", lambda row: row.backend),
        ("precision", lambda row: row.precision),
        ("GMAC", lambda row: "-" if row.gmac is None else f"{row.gmac:.3g}"),
        ("in integers", lambda row: "-" if row.int8_share is None else percent(row.int8_share, 0)),
        ("img/s", lambda row: figure(row.timing.images_per_s) + "!" * ("images_per_s" in row.timing.unsteady)),
        ("speed ratio", _ratio),
        ("p50 / p95 / p99 ms", _latency),
        ("MB", lambda row: figure(row.timing.size_mb)),
        ("memory, MB", lambda row: figure(row.timing.rss_mb)),
        ("correct", lambda row: f"{row.scores.correct} of {row.scores.n}" if counted and row.scores else "-"),
        ("share of peak", lambda row: "-" if row.peak_share is None else f"{100 * row.peak_share.ratio:.0f} %"),
        ("benchmark_app img/s", lambda row: figure(row.benchmark_app.images_per_s if row.benchmark_app else None)),
    ]
    kept = [(title, cell) for title, cell in columns if any(cell(row) != "-" for row in result.measured)]
    lines = [[cell(row) for _, cell in kept] for row in result.measured]
    ratio = "" if base is None else f" The ratio is to {base.model}, {base.backend} {base.precision}."
    on = (
        f"Correct: on {data.source}, protocol `{data.protocol}`, {data.split}, n = {data.n}, "
        f"manifest `{str(data.manifest_sha256)[:12]}`."
        if counted
        else "Timed on synthetic images."
    )
    table = markdown([title for title, _ in kept], lines, range(3, len(kept)))
    where = f"{machine.cpu}, {machine.cores} cores, {machine.isa}"
    return f"{table}\n\nMeasured in one run on {where}.{ratio}{_rounds(result)} {on}{_renewed(result, bundles)}"


def _renewed(result: BenchResult, bundles: Path) -> str:
    """Return a sentence on rows whose model file is another one by now."""
    renewed = []
    for row in result.measured:
        if (bundles / row.model).is_dir():
            bundle = Bundle.open(bundles / row.model)
            held = bundle.holds(row.backend, row.precision)
            if not held or bundle.model_sha256(row.backend, row.precision) != row.timing.model_sha256:
                renewed.append(f"{row.model} {row.backend} {row.precision}")
    if not renewed:
        return ""
    return f" Files that were renewed after this was measured, whose speed may differ by now: {', '.join(renewed)}."


def from_file_to_label(found: EndToEndResult) -> str:
    """Return what `edgewbc bench --end-to-end` measured, as sentences; what was not measured is left out."""
    data, machine, choice, speed = found.data, found.machine, found.choice, found.speed
    lines = [
        f"{found.bundle} {choice.precision} classifies {speed.images_per_s:,.0f} images/s from file to label, "
        f"on {data.n:,} images of {data.source}: {percent(speed.ratio, 0)} of the limit "
        f"({speed.limit_images_per_s:,.0f}) that follows from {speed.decode_ms:.2f} ms of decoding and "
        f"{speed.inference_ms:.2f} ms of inference per image (CPU time with all cores busy) on {choice.threads} "
        f"cores ({machine.cpu}, {machine.isa}; median of {len(speed.rounds['images_per_s'])} rounds). A core "
        f"alone is faster than one of several busy ones: the figure is {percent(speed.ratio_alone, 0)} of what as "
        "many cores would reach with the PC to themselves."
    ]
    if (processes := speed.processes) is not None:
        memory = "" if processes.peak_mb is None else f", for {processes.peak_mb:.0f} MB of memory each"
        lines.append(
            f"With a process per core (`--engine processes`), {processes.images_per_s:,.0f} images/s: "
            f"{processes.speedup:.2f} times as fast, {percent(processes.ratio, 0)} of the limit{memory}."
        )
    if found.live is not None:
        lines.append(
            f"One image in memory at a time, as in a live view: {found.live.p50:.2f} ms from its pixels to its row, "
            f"{found.live.p99:.2f} ms for 99 of 100."
        )
    if found.cold_start is not None and found.help_time is not None:
        lines.append(
            f"Start of the process to the first label: {found.cold_start.median:.2f} s; `edgewbc --help`: "
            f"{found.help_time.median:.2f} s."
        )
    if found.memory is not None and found.memory.peak_mb is not None:
        lines.append(f"Peak memory over {found.memory.images:,} images: {found.memory.peak_mb:.0f} MB.")
    return " ".join(lines)


def _lab(values: Mapping[str, Any]) -> str:
    return from_file_to_label(EndToEndResult.from_json(values))


def _poster(values: Mapping[str, Any]) -> str:
    return poster_report.markdown(PosterResult.from_json(values))


def _edge(values: Mapping[str, Any]) -> str:
    return edge_report.markdown(EdgeResult.from_json(values))


def _widths(values: Mapping[str, Any]) -> str:
    return widths_report.markdown(WidthsResult.from_json(values))


def _peers(values: Mapping[str, Any]) -> str:
    return peers_report.table(PeersResult.from_json(values))


def _ratio(row: MeasuredRow) -> str:
    if row.speedup is None:
        return "-"
    low, high = row.speedup.range
    return f"{row.speedup.ratio:.2f}" + (f" ({low:.2f}-{high:.2f})" if low < high else "")


def _latency(row: MeasuredRow) -> str:
    times = row.timing.latency_ms
    return " / ".join(figure(value) for value in (times.p50, times.p95, times.p99))


def _rounds(result: BenchResult) -> str:
    """Return how the rows were measured."""
    how = result.protocol
    words = f" {how.rounds} interleaved rounds of {how.seconds:g} s: medians, and the range of the ratio."
    if result.peaks:
        peaks = ", ".join(f"{precision} {peak.gmac_per_s:.0f}" for precision, peak in result.peaks.items())
        words += f" Peak: a plain convolution in OpenVINO, {peaks} GMAC/s."
    if any(row.int8_share is not None for row in result.measured):
        words += " In integers: the share of the multiply-adds, read back from what the runtime made of the model."
    if any(row.timing.unsteady for row in result.measured):
        words += f" !: the rounds differ by more than {100 * how.wide:.0f} %."
    return words
