"""What this PC is, what runs on it, and whether int8 pays here."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from edgewbc import __version__
from edgewbc.bundle import Bundle
from edgewbc.lab import machine
from edgewbc.lab.gain import measure

PACKAGES = ("openvino", "numpy", "opencv-python-headless", "typer")


def diagnose(bundle: Bundle | None, *, seconds: float = 1.0, threads: int | None = None) -> dict[str, Any]:
    """Look at the PC and measure it.

    Args:
        bundle: the one that commands take by default; None if there is none.
        seconds: how long each precision is measured.
        threads: of the network; None leaves it to OpenVINO.

    Returns:
        cpu, isa, capabilities (OpenVINO's word for what it can compute in; INT8 is in it on any CPU, and is no proof of
        speed), cores, memory_gb and memory_free_gb (10^9 bytes, or None), os, python, versions, bundle (path, name,
        precisions, default; or None) and int8 (see `gain.Gain`).

    Raises:
        UserError: OpenVINO refuses the bundle's models.
    """
    import openvino as ov

    core = ov.Core()
    gain = measure(bundle, seconds, threads)
    memory = machine.memory()
    return {
        "cpu": machine.processor(),
        "isa": gain.isa,
        "capabilities": sorted(map(str, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))),
        "cores": machine.cores(),
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
        "int8": gain.to_dict(),
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
