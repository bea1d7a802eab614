"""The figures of docs/scaling.md as Markdown, from `scaling.json`, `serve.json` and `archive.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench import result_file
from bench.scaling.result import (
    ASSUMPTIONS,
    CORES,
    LOADS,
    SERVERS,
    STORAGES,
    WATTS_PER_CORE,
    Result,
)
from bench.serve import result as serve_result
from edgewbc.utils.text import figure, markdown

MILLION: Final = 1_000_000
SCALING, SERVE, ARCHIVE = "scaling.json", "serve.json", "archive.json"
NOT_YET = "Not measured yet: `{command}` does it."


def cost(values: Mapping[str, Any]) -> str:
    """Return what a million images cost on one core, and where the time goes."""
    result = Result.from_json(values)
    measured, stages = result.measured, result.measured.stages
    header = ("bundle", "images/s on one core", "CPU seconds for a million", "kWh for a million")
    lines = []
    for one in measured.costs:
        seconds = median(one.cpu_ms) / 1e3 * MILLION
        kwh = f"{seconds * WATTS_PER_CORE / 3.6e6:.4f}"
        lines.append([one.bundle, figure(median(one.images_per_s)), f"{seconds:,.0f}", kwh])
    parts = (
        ("listing", stages.list),
        ("reading from the page cache", stages.read),
        ("decoding the JPEG", stages.decode),
        ("checks and crop", max(0.0, stages.prepare - stages.decode)),
        ("network", stages.network),
        ("label, status and row", stages.rows),
    )
    total = sum(ms for _, ms in parts)
    shares = markdown(
        ("stage", "ms per image", "share"), [[name, f"{ms:.4f}", f"{ms / total:.0%}"] for name, ms in parts], (1, 2)
    )
    sizes = measured.samples.sizes
    return (
        f"{markdown(header, lines, (1, 2, 3))}\n\n"
        f"On {measured.machine.cpu}, {measured.images:,} images of {sum(sizes) / len(sizes) / 1e3:.1f} kB each, from "
        f"the page cache; medians of {len(measured.costs[0].cpu_ms)} rounds. Energy is an estimate: "
        f"{WATTS_PER_CORE:g} W are assumed for a busy core.\n\nThe stages of {measured.costs[0].bundle}, one by one on "
        f"one core:\n\n{shares}"
    )


def growth(values: Mapping[str, Any]) -> str:
    """Return how throughput grows with cores: one and two measured, more simulated."""
    result = Result.from_json(values)
    measured = result.measured
    rates = {count: median(found) for count, found in measured.growth.images_per_s.items()}
    said = ", ".join(f"{rate:,.0f} images/s on {count}" for count, rate in sorted(rates.items()))
    found = {(point.storage, point.cores): point for point in result.archive}
    lines = []
    for storage in STORAGES:
        points = [found[storage.name, cores] for cores in CORES if (storage.name, cores) in found]
        cells = [f"{point.images_per_s:,.0f}" for point in points]
        broken = next((point for point in points if point.limit != "cores"), None)
        where = "cores, up to the largest number here" if broken is None else f"{broken.limit}, at {broken.cores} cores"
        lines.append([storage.name, *cells, where])
    table = markdown(("images/s, simulated", *map(str, CORES), "what limits first"), lines, range(1, len(CORES) + 1))
    most = max(point.images_per_s for point in result.archive)
    rate = found[STORAGES[0].name, 32].images_per_s
    stations = markdown(
        ("storage, assumed", "names listed/s", "files read/s", "MB/s"),
        [[s.name, f"{s.list_per_s:,.0f}", f"{s.files_per_s:,.0f}", f"{s.bytes_per_s / 1e6:,.0f}"] for s in STORAGES],
        (1, 2, 3),
    )
    size = sum(measured.samples.sizes) / len(measured.samples.sizes)
    row, files = measured.samples.row_bytes, measured.files
    return (
        f"Measured: {said} ({measured.efficiency:.0%} of twice one core). The table was simulated, from the CPU times "
        f"of an image's stages, which were measured one by one:\n\n{table}\n\n"
        f"At {rate:,.0f} images/s (32 cores, local disk) a million images take {MILLION / rate / 60:.1f} minutes, and "
        f"a billion {1000 * MILLION / rate / 86400:.1f} days. The highest figure of the table, {most:,.0f} images/s, "
        f"reads {most * size * 8 / 1e9:.1f} Gbit/s. A billion images of this size are {size / 1e3:.1f} TB, and their "
        f"rows, of {row:.0f} bytes as CSV, {row:.0f} GB.\n\n{stations}\n\n"
        f"Measured here, from the page cache: {files.list_per_s:,} names listed/s, {files.small_per_s:,} small files "
        f"read/s, and {files.packed_per_s:,}/s of the same images from one file."
    )


def latency(values: Mapping[str, Any]) -> str:
    """Return the time from arrival to the end in a simulated server."""
    result = Result.from_json(values)
    found = {(point.cores, point.load): point for point in result.latency}
    lines = [
        [
            str(cores),
            *(f"{figure(found[cores, load].p50_ms)} / {figure(found[cores, load].p99_ms)}" for load in LOADS),
        ]
        for cores in SERVERS
    ]
    header = ("cores", *(f"{load:.0%} used" for load in LOADS))
    return f"p50 / p99 in milliseconds, simulated, one image per request:\n\n{markdown(header, lines, range(1, 6))}"


def assumptions(_: Mapping[str, Any]) -> str:
    """Return the assumptions of the simulation as a list."""
    return "\n".join(f"- {line}" for line in ASSUMPTIONS)


def archive(values: Mapping[str, Any]) -> str:
    """Return what the study of archives found, as sentences; what was not measured is left out."""
    lines = []
    if speed := values.get("throughput"):
        lines.append(
            f"On {speed['cores']} cores, {speed['images']:,} images: `classify` {speed['pc']['images_per_s']:,.0f} "
            f"images/s, `classify --engine ray` {speed['ray']['images_per_s']:,.0f} ({speed['ratio']:.0%}), with "
            f"{'the same bytes' if speed['same_bytes'] else 'other bytes'} in the results. Ray takes "
            f"{speed['extra_startup_s']:.1f} s more to start and stop."
        )
        if "processes" in speed:
            lines.append(
                f"`classify --engine processes` {speed['processes']['images_per_s']:,.0f} images/s "
                f"({speed['processes_ratio']:.0%}), {speed['processes_extra_startup_s']:.1f} s more to start and stop."
            )
    if killed := values.get("kills"):
        lines.append(
            f"Killed {killed['driver_kills']} times as a whole and {killed['worker_kills']} times a worker: "
            f"{killed['rows']:,} rows of {killed['images']:,} images, {killed['classified_twice']:,} classified twice, "
            f"{'the same bytes' if killed['same_bytes'] else 'other bytes'} as without."
        )
    for each in values.get("memory", ()):
        peaks = ", ".join(f"{kind} {mb:,.0f} MB" for kind, mb in each["peak_pss_mb"].items())
        lines.append(f"Memory with {each['images']:,} images: {peaks}.")
    for each in values.get("memory_of_processes", ()):
        peak = each["peak_pss_mb"]
        lines.append(
            f"`--engine processes` with {each['images']:,} images: {peak['all']:,.0f} MB, {peak['driver']:,.0f} of it "
            "in the process that keeps the journal."
        )
    for each in values.get("audit", ()):
        names = (("read", "read"), ("compare", "hashing"), ("hashing", "hashing"), ("exact", "every pair"))
        spent = [f"{name} {each[f'{key}_cpu_s']:,.1f}" for key, name in names if f"{key}_cpu_s" in each]
        what = {"images": "images", "views": "views of images", "hashes": "synthetic hashes"}.get(each["kind"], "")
        missed = (
            ""
            if each.get("recall") is None
            else f"; hashing finds {each['recall']:.2%} of {each['near_pairs']:,} pairs"
        )
        if recalls := each.get("recall_by_bits"):
            shares = ", ".join(f"{share:.2%} that differ in {bits} bits" for bits, share in recalls.items())
            missed = f"; of pairs, it finds {shares}"
        lines.append(
            f"Audit of {each['n']:,} {what}, in CPU seconds: {', '.join(spent)}; {each['peak_mb']:,.0f} MB{missed}."
        )
    return " ".join(lines)


PARTS: Final[Mapping[str, tuple[str, str, Callable[[Mapping[str, Any]], str]]]] = {
    "cost": (SCALING, "python -m bench.scaling IMAGES", cost),
    "growth": (SCALING, "python -m bench.scaling IMAGES", growth),
    "latency": (SCALING, "python -m bench.scaling IMAGES", latency),
    "assumptions": ("", "", assumptions),
    "serve": (SERVE, "python -m bench.serve IMAGES", serve_result.table),
    "archive": (ARCHIVE, "python -m bench.archive", archive),
}
"""Parts of docs/scaling.md: the file of each, the command that writes it, and its text."""


def parts(folder: Path) -> dict[str, str]:
    """Return the generated parts of docs/scaling.md by name; a line that says so where a result is not there yet.

    Raises:
        UserError: a file cannot be read, or is not a result of this version.
    """
    found = {}
    for name, (file, command, text) in PARTS.items():
        if not file:
            found[name] = text({})
        elif (folder / file).is_file():
            found[name] = result_file.read(folder / file, text)
        else:
            found[name] = NOT_YET.format(command=command)
    return found
