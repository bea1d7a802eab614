"""Tables for the README, in Markdown, from the JSON that `eval --out` and `bench --out` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import audits_report
from bench.edge import report as edge_report
from bench.peers import report as peers_report
from bench.poster import report as poster_report
from bench.widths import report as widths_report
from edgewbc.data.manifest import SYNTHETIC
from edgewbc.errors import UserError
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
PEERS_FRONT = "peers-front.svg"


def results(folder: Path) -> str:
    """Markdown of what a results folder holds; a line that says so where it holds nothing.

    Results on synthetic pictures are left out: they say nothing about real cells.

    Raises:
        UserError: a file cannot be read, or was not written by `eval` or `bench`.
    """
    parts = []
    evals = [read_json(path, "a result of `edgewbc eval --out`") for path in sorted(folder.glob(EVALS))]
    try:
        real = [found for found in evals if found["source"] != SYNTHETIC]
        if real:
            parts += ["### Accuracy of what ships", accuracy_table(real)]
        if (folder / BENCH).is_file():
            told = read_json(folder / BENCH, "a result of `edgewbc bench --out`")
            parts += ["### Speed on a CPU", speed_table(told)]
        if (folder / LAB).is_file():
            told = read_json(folder / LAB, "a result of `edgewbc bench --end-to-end --out`")
            parts += ["### From file to label", from_file_to_label(told)]
        if (folder / POSTER).is_file():
            told = read_json(folder / POSTER, "a result of `edgewbc bench --suite poster`")
            parts += ["### The poster's claims, and what they are made of", poster_report.markdown(told)]
            if (folder / LEAK).is_file():
                parts.append(f"![{poster_report.CAPTION}](bench/results/{LEAK})")
        if (folder / EDGE).is_file():
            told = read_json(folder / EDGE, "a result of `edgewbc bench --suite edge`")
            parts += ["### How small and fast a network may become", edge_report.markdown(told)]
            if (folder / FRONT).is_file():
                parts.append(f"![{edge_report.CAPTION}](bench/results/{FRONT})")
        if (folder / WIDTHS).is_file():
            told = read_json(folder / WIDTHS, "a result of `edgewbc bench --suite widths`")
            parts += ["### What a channel costs", widths_report.markdown(told)]
        if (folder / PEERS).is_file():
            told = read_json(folder / PEERS, "a result of bench/peers/run.py")
            parts += ["### Beside what one would pick instead", peers_report.table(told)]
            if (folder / PEERS_FRONT).is_file():
                parts.append(f"![{peers_report.CAPTION}](bench/results/{PEERS_FRONT})")
        audited = audits_report.table(folder)
        if audited:
            parts += ["### Duplicates and leaks in the data", audited]
        labelled = audits_report.label_table(folder)
        if labelled:
            parts += ["### Labels that are most likely wrong", labelled]
    except (KeyError, TypeError) as error:
        raise UserError(f"{folder}: a file in it was not written by this edgewbc's eval or bench: {error!r}") from None
    return "\n\n".join(parts) or "No results have been committed yet."


def accuracy_table(found: Sequence[dict[str, Any]]) -> str:
    """A row for each evaluation: what answered, under which protocol, how many of how many, and the hashes."""
    header = (
        "model", "precision", "backend", "data, protocol, split", "correct", "accuracy", "95 % interval",
        "balanced accuracy", "model sha256",
    )  # fmt: skip
    rows = [
        [
            one["model"],
            one["precision"],
            one["backend"],
            f"{one['source']}, `{one['protocol']}`, {one['split']}",
            f"{one['correct']} of {one['n']}",
            percent(one["accuracy"]),
            interval(one["interval"]),
            percent(one["balanced_accuracy"]),
            f"`{one['model_sha256'][:12]}`",
        ]
        for one in found
    ]
    manifests = sorted({f"{one['source']} `{one['protocol']}` `{one['manifest_sha256'][:12]}`" for one in found})
    return f"{markdown(header, rows, numbers=(4, 5, 6, 7))}\n\nManifests: {', '.join(manifests)}."


def speed_table(bench: dict[str, Any]) -> str:
    """A row for each measured row of `bench`, its speed as a ratio to the baseline of the same run.

    Results with rounds show the range of the ratio over them, and the row's share of the CPU's peak and benchmark_app's
    images a second where these were measured. Threads, batch, input size, hashes and intervals stand in the JSON.
    """
    rows = [row for row in bench["rows"] if not row.get("error")]
    base = next((row for row in rows if row.get("baseline")), None)
    machine, data = bench["machine"], bench["data"]
    counted = data["protocol"] is not None and data["source"] != SYNTHETIC
    header: tuple[str, ...] = (
        "model", "backend", "precision", "GMAC", "img/s", "speed ratio", "p50 / p95 / p99 ms", "MB",
        "peak MB of memory", "correct",
    )  # fmt: skip
    lines = [
        [
            row["model"],
            row["backend"],
            row["precision"],
            "-" if row["gmac"] is None else f"{row['gmac']:.3g}",
            figure(row["images_per_s"]) + ("!" if "images_per_s" in row.get("unsteady", []) else ""),
            _ratio(row),
            " / ".join(figure(row["latency_ms"][name]) for name in ("p50", "p95", "p99")),
            figure(row["size_mb"]),
            figure(row["rss_mb"]),
            f"{row['correct']} of {row['n']}" if counted and row["accuracy"] is not None else "-",
        ]
        for row in rows
    ]
    numbers = [3, 4, 5, 6, 7, 8, 9]
    for title, shown in (("share of peak", _peak_share), ("benchmark_app img/s", _benchmark_app)):
        cells = [shown(row) for row in rows]
        if any(cell != "-" for cell in cells):
            numbers.append(len(header))
            header += (title,)
            lines = [[*line, cell] for line, cell in zip(lines, cells, strict=True)]
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['isa']}"
    ratio = "" if base is None else f" The ratio is to {base['model']}, {base['backend']} {base['precision']}."
    on = (
        f"Correct: on {data['source']}, protocol `{data['protocol']}`, {data['split']}, n = {data['n']}, "
        f"manifest `{data['manifest_sha256'][:12]}`."
        if counted
        else "Timed on synthetic pictures."
    )
    table = markdown(header, lines, numbers)
    return f"{table}\n\nMeasured in one run on {where}.{ratio}{_rounds(bench)} {on}"


def from_file_to_label(found: dict[str, Any]) -> str:
    """What `bench --end-to-end` measured, as sentences; what was left out is not told."""
    data, machine, choice = found["data"], found["machine"], found["choice"]
    lines = [
        f"{found['bundle']} {choice['precision']} answers {found['images_per_s']:,.0f} images/s, from file to label, "
        f"on {data['n']:,} pictures of {data['source']}: {percent(found['ratio'], 0)} of the limit "
        f"({found['limit_images_per_s']:,.0f}), which is {found['decode_ms']:.2f} ms of decoding and "
        f"{found['inference_ms']:.2f} ms of inference a picture (CPU time, with all cores at it) over "
        f"{choice['threads']} cores ({machine['cpu']}, {machine['isa']}; median of "
        f"{len(found['rounds']['images_per_s'])} rounds). A core alone is faster than one of several at work: it is "
        f"{percent(found['ratio_alone'], 0)} of what as many cores would do, each with the PC to itself."
    ]
    if found["cold_start_s"]:
        lines.append(
            f"Process start to the first label: {found['cold_start_s']['median']:.2f} s; `edgewbc --help`: "
            f"{found['help_s']['median']:.2f} s."
        )
    if found["memory"] and found["memory"]["peak_mb"] is not None:
        held = found["memory"]
        lines.append(f"Peak memory over {held['pictures']:,} pictures: {held['peak_mb']:.0f} MB.")
    return " ".join(lines)


def _ratio(row: dict[str, Any]) -> str:
    if row["speedup"] is None:
        return "-"
    low, high = row.get("speedup_range") or (row["speedup"], row["speedup"])
    return f"{row['speedup']:.2f}" + (f" ({low:.2f}-{high:.2f})" if low < high else "")


def _peak_share(row: dict[str, Any]) -> str:
    return "-" if row.get("peak_share") is None else f"{100 * row['peak_share']:.0f} %"


def _benchmark_app(row: dict[str, Any]) -> str:
    return figure((row.get("benchmark_app") or {}).get("images_per_s"))


def _rounds(bench: dict[str, Any]) -> str:
    """How it was measured; nothing for results of the time before rounds."""
    how = bench.get("protocol")
    if how is None:
        return ""
    words = f" {how['rounds']} rounds of {how['seconds']:g} s, in turns: medians, and the range of the ratio."
    roofs = [f"{p} {found['gmac_per_s']:.0f}" for p, found in bench["peaks"].items() if not found.get("error")]
    if roofs:
        words += f" Peak: a plain convolution in OpenVINO, {', '.join(roofs)} GMAC/s."
    if any(row.get("unsteady") for row in bench["rows"]):
        words += f" !: rounds further apart than {100 * how['wide']:.0f} %."
    return words
