"""The machine that a benchmark ran on."""

from __future__ import annotations

import os
import platform
from typing import Any

from edgewbc import __version__, runs
from edgewbc.lab import machine


def describe() -> dict[str, Any]:
    """cpu, isa (as OpenVINO uses it), cores (that this process may use), memory_gb, os, python, versions, commit and
    load_1m: how many processes wanted a core over the last minute, None where the system does not tell."""
    memory = machine.memory().total
    return {
        "cpu": machine.processor(),
        "isa": _isa(),
        "cores": machine.cores(),
        "memory_gb": None if memory is None else round(memory / 1e9, 1),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {"edgewbc": __version__, **runs.versions("openvino", "onnxruntime", "torch", "numpy")},
        "commit": runs.commit(),
        "load_1m": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


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
