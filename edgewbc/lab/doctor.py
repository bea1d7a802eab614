"""What this PC is, what runs on it, whether int8 pays here, and how the bundle is best run."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib import metadata
from typing import Any

from edgewbc._version import __version__
from edgewbc.bundle.bundle import Bundle
from edgewbc.runtime import host, tuning
from edgewbc.runtime.int8_speedup import measure
from edgewbc.runtime.openvino_import import capabilities

PACKAGES = ("openvino", "numpy", "opencv-python-headless", "typer")


def diagnose(bundle: Bundle | None, *, seconds: float = 1.0, threads: int | None = None) -> dict[str, Any]:
    """Look at the PC, measure it, and remember how the bundle is best run.

    Args:
        bundle: the one that commands take by default; None if there is none.
        seconds: how long each candidate is measured; 0 measures for so short that nothing is remembered.
        threads: limit of what is measured; None is every processor that this process may use.

    Returns:
        cpu, isa, capabilities (OpenVINO's word for what it can compute in; INT8 is in it on any CPU, and is no proof of
        speed), cores, memory_gb and memory_free_gb (10^9 bytes, or None), os, python, versions, bundle (path, name,
        precisions, default; or None), int8 (see `Int8Speedup`) and tuning (see `tune`; None without a bundle).

    Raises:
        UserError: OpenVINO refuses the bundle's models.
    """
    gain = measure(bundle, seconds, threads)
    memory = host.memory()
    return {
        "cpu": host.processor(),
        "isa": gain.isa,
        "capabilities": sorted(capabilities()),
        "cores": host.cores(),
        "memory_gb": _gb(memory.total),
        "memory_free_gb": _gb(memory.free),
        "os": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "python": platform.python_version(),
        "versions": {"edgewbc": __version__, **_versions()},
        "bundle": None
        if bundle is None
        else {
            "path": str(bundle.path),
            "name": bundle.name,
            "precisions": list(bundle.precisions),
            "default_precision": bundle.default_precision,
        },
        "int8": gain.to_json(),
        "tuning": None if bundle is None else tune(bundle, seconds=seconds, threads=threads),
    }


def tune(bundle: Bundle, *, seconds: float = 1.0, threads: int | None = None) -> dict[str, Any]:
    """Measure how a bundle is best run here, and remember it for `classify`.

    Args:
        bundle: to be run.
        seconds: of each candidate; with 0 nothing is remembered.
        threads: limit; what is remembered holds for this limit.

    Returns:
        measured (each candidate: precision, compute, threads, streams, images_per_s of the network alone, golden: does
        it answer as the bundle says it must), choice (precision, compute, threads, streams; None where nothing may be
        chosen), remembered (the file, or None) and reason (why it was not remembered, or "").

    Raises:
        UserError: OpenVINO refuses a model.
    """
    tried = tuning.measure(bundle, seconds, threads)
    best = tuning.best_of(bundle, tried)
    kept, reason = None, ""
    if seconds > 0:
        try:
            kept = str(tuning.remember(bundle, tried, threads))
        except (OSError, ValueError) as error:
            reason = str(error)
    else:
        reason = "measured for 0 seconds"
    return {
        "measured": [found.to_json() for found in tried],
        "choice": None if best is None else asdict(best.choice),
        "remembered": kept,
        "reason": reason,
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # OpenCV comes under several names
            continue
    return found


def _gb(count: int | None) -> float | None:
    return None if count is None else round(count / 1e9, 1)
