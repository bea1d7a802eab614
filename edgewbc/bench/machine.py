"""The machine that a benchmark ran on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from edgewbc import runs
from edgewbc._version import __version__
from edgewbc.runtime import host, openvino_engine

INSTRUCTIONS = (
    *("avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16", "asimd", "asimddp", "i8mm", "bf16", "sve"),
)
"""Flags of /proc/cpuinfo that decide how fast a network is; the last five are ARM's."""


def describe() -> dict[str, Any]:
    """cpu, isa (as OpenVINO uses it), instructions (that the processor has; None where the system does not list them),
    cores (that this process may use), memory_gb, os, python, versions, commit and load_1m: how many processes wanted a
    core over the last minute, None where the system does not tell."""
    memory = host.memory().total
    return {
        "cpu": host.processor(),
        "isa": _isa(),
        "instructions": instructions(),
        "cores": host.cores(),
        "memory_gb": None if memory is None else round(memory / 1e9, 1),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {"edgewbc": __version__, **runs.versions("openvino", "onnxruntime", "torch", "numpy")},
        "commit": runs.commit(),
        "load_1m": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str] | None:
    """Which of `INSTRUCTIONS` the processor has: what a runtime that tells nothing of itself may have used."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            held = set(flags.split())
            return [flag for flag in INSTRUCTIONS if flag in held]
    return None


def _isa() -> str:
    """Which instructions OpenVINO's kernels use here, asked of a network of one operation."""
    import openvino as ov
    from openvino import opset13 as op

    given = op.parameter([1], ov.Type.f32)
    return openvino_engine.isa(ov.Core().compile_model(ov.Model([op.result(op.relu(given))], [given], "isa"), "CPU"))
