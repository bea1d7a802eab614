"""The machine that a benchmark ran on."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

from edgewbc import __version__, runs


def describe() -> dict[str, Any]:
    """cpu, isa (as OpenVINO would use it), cores (this process may use), memory_gb, os, python, versions, load_1m."""
    return {
        "cpu": _cpu(),
        "isa": _isa(),
        "cores": cores(),
        "memory_gb": _memory_gb(),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {"edgewbc": __version__, **runs.versions("openvino", "onnxruntime", "torch", "numpy")},
        "commit": runs.commit(),
        "load_1m": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def cores() -> int:
    """Processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu() -> str:
    try:
        import openvino as ov

        return str(ov.Core().get_property("CPU", "FULL_DEVICE_NAME")).strip()
    except RuntimeError:
        return platform.processor() or platform.machine()


def _isa() -> str:
    """Which instructions OpenVINO's kernels use here, asked of a network of one operation."""
    import openvino as ov
    from openvino import opset13 as op

    given = op.parameter([1], ov.Type.f32)
    compiled = ov.Core().compile_model(ov.Model([op.result(op.relu(given))], [given], "isa"), "CPU")
    try:
        told = str(compiled.get_property("RUNTIME_REQUIREMENTS"))
    except RuntimeError:  # older versions do not tell
        return "unknown"
    return dict(part.partition("=")[::2] for part in told.split(";")).get("isa") or "unknown"


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None
