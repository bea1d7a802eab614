"""From the rounds to a row: medians, spreads, and ratios that are taken within a round before they are summarised."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from edgewbc.bench.timing import percentiles, quantiles
from edgewbc.bench.worker import tidy

WIDE = 0.1
"""A figure is unsteady if its rounds lie further apart than this share of their median: (max - min) / median > 0.1."""

NEAR = 0.03
"""How far below benchmark_app our throughput may be."""

_KERNELS = {"u8": "int8", "i8": "int8", "bf16": "bf16", "f32": "f32", "f16": "f16"}


def spread(values: Sequence[float]) -> float | None:
    """(max - min) / median; None for a single value, of which nothing is known."""
    return None if len(values) < 2 else tidy((max(values) - min(values)) / median(values), 3)


def ran(kernels: dict[str, int] | None) -> str | None:
    """The precision in which most convolutions and dense layers ran; None where the runtime does not tell."""
    if not kernels:
        return None
    most = max(kernels, key=lambda name: kernels[name])
    return _KERNELS.get(most, most)


def timed(latency: Sequence[dict[str, Any]], throughput: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The measured part of a row.

    Args:
        latency, throughput: what `worker.measure` found in each round.

    Returns:
        precision_ran, kernels, isa, version, model_sha256, size_mb, cold_start_s, rss_mb (throughput mode) and
        rss_latency_mb, images_per_s, latency_ms (of the pictures of all rounds), latency_quantiles_ms, modes (threads,
        streams, batch, cores_busy of each), threads, streams and batch (throughput mode), rounds, spread and unsteady.
    """
    samples = [value for turn in latency for value in turn["samples_ms"]]
    first, most = latency[0], throughput[0]
    rounds = {
        "images_per_s": [turn["images_per_s"] for turn in throughput],
        "latency_p50_ms": [tidy(median(turn["samples_ms"])) for turn in latency],
        "cold_start_s": [turn["cold_start_s"] for turn in latency],
        "others": [turn.get("others") for turn in throughput],
        "others_latency": [turn.get("others") for turn in latency],
    }
    spreads = {name: spread(rounds[name]) for name in ("images_per_s", "latency_p50_ms", "cold_start_s")}
    return {
        "precision_ran": ran(most["kernels"]),
        "kernels": most["kernels"],
        **{name: first[name] for name in ("isa", "version", "model_sha256", "size_mb")},
        "cold_start_s": median(rounds["cold_start_s"]),
        "rss_mb": _largest(turn["rss_mb"] for turn in throughput),
        "rss_latency_mb": _largest(turn["rss_mb"] for turn in latency),
        "images_per_s": median(rounds["images_per_s"]),
        "latency_ms": {name: tidy(value) for name, value in percentiles(samples).items()},
        "latency_quantiles_ms": quantiles(samples),
        "modes": {
            "latency": {"threads": first["threads"], "streams": first["streams"], "batch": 1, **_busy(latency)},
            "throughput": {name: most[name] for name in ("threads", "streams", "batch")} | _busy(throughput),
        },
        **{name: most[name] for name in ("threads", "streams", "batch")},
        "rounds": rounds,
        "spread": spreads,
        # A cold start is short, and does a good deal with files: it has its spread, and no verdict.
        "unsteady": [name for name in ("images_per_s", "latency_p50_ms") if (spreads[name] or 0) > WIDE],
    }


def ratios(over: Sequence[float], under: Sequence[float]) -> dict[str, Any]:
    """Ratios within each round: `rounds`, their median (`ratio`), and [least, most] (`range`)."""
    found = [tidy(a / b) for a, b in zip(over, under, strict=True)]
    return {"ratio": median(found), "range": [min(found), max(found)], "rounds": found}


def compare(rows: Sequence[dict[str, Any]], peaks: dict[str, dict[str, Any]]) -> None:
    """Give each row its `speedup` over the baseline, and its share of the peak of its precision, in place.

    The baseline is the f32 row of the network with most multiply-adds, OpenVINO's if there is one.
    """
    able = [row for row in rows if row["precision"] == "f32" and row["images_per_s"]]
    base = max(able, key=lambda row: (row["backend"] == "openvino", row["gmac"] or 0), default=None)  # first of equals
    for row in rows:
        row["baseline"] = row is base
        if not row["images_per_s"]:
            continue
        mine = row["rounds"]["images_per_s"]
        if base is not None:
            found = ratios(mine, base["rounds"]["images_per_s"])
            row["speedup"], row["speedup_range"], row["rounds"]["speedup"] = found.values()
            row["spread"]["speedup"] = spread(found["rounds"])
        if row["gmac"]:
            row["gmac_per_s"] = tidy(row["gmac"] * row["images_per_s"])
            roof = peaks.get(row["precision_ran"] or row["precision"], {}).get("rounds")
            if roof:
                found = ratios([row["gmac"] * rate for rate in mine], roof)
                row["peak_share"], row["rounds"]["peak_share"] = found["ratio"], found["rounds"]


def app(turns: Sequence[dict[str, Any]], row: dict[str, Any]) -> dict[str, Any]:
    """benchmark_app beside our row: images_per_s, ratio (ours to it, by round), and whether it ran alike.

    `near` is whether our throughput is at most `NEAR` below it; `alike` whether threads and streams were the same.
    """
    error = next((turn["error"] for turn in turns if turn.get("error")), None)
    if error or not turns:
        return {"error": error or "it was not run"}
    rates = [turn["images_per_s"] for turn in turns]
    found = ratios(row["rounds"]["images_per_s"], rates)
    told = {name: turns[0].get(name) for name in ("threads", "streams", "requests")}
    return {
        "images_per_s": median(rates),
        **found,
        "near": found["ratio"] >= 1 - NEAR,
        **told,
        "alike": (told["threads"], told["streams"]) == (row["threads"], row["streams"]),
        "images_per_s_rounds": rates,
    }


def roof(turns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A peak from its rounds: gmac_per_s (median), rounds, spread, shape, kernels, threads, streams; or `error`."""
    error = next((turn["error"] for turn in turns if turn.get("error")), None)
    if error:
        return {"error": error}
    rounds = [tidy(turn["gmac_per_s"]) for turn in turns]
    told = {name: turns[0][name] for name in ("shape", "kernels", "threads", "streams")}
    return {"gmac_per_s": median(rounds), "rounds": rounds, "spread": spread(rounds), **told}


def _busy(turns: Sequence[dict[str, Any]]) -> dict[str, float]:
    return {"cores_busy": median(turn["cores_busy"] for turn in turns)}


def _largest(values: Any) -> float | None:
    return max((value for value in values if value is not None), default=None)
