"""The machine that a benchmark ran on."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from edgewbc import runs
from edgewbc._version import __version__
from edgewbc.runtime import host
from edgewbc.runtime.synthetic_network import cpu_isa
from edgewbc.utils.optional import installed_versions

INSTRUCTIONS = (
    *("avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16", "asimd", "asimddp", "i8mm", "bf16", "sve"),
)
"""Flags of /proc/cpuinfo that determine the speed of inference; the last five are ARM's."""


@dataclass(frozen=True)
class Machine:
    """The machine of a measurement, and what was installed on it.

    Attributes:
        cpu: name of the processor.
        isa: the instruction set that OpenVINO uses on it.
        instructions: those of `INSTRUCTIONS` that the processor has; None where the system does not list them.
        cores: number of cores that this process may use.
        memory_gb: total memory in 10^9 bytes; None where it is not known.
        os, python: name and version.
        versions: of edgewbc and the runtimes, by package.
        commit: of the checkout; None outside of one.
        load_1m: number of processes that wanted a core over the last minute; None where the system does not report it.
        measured_at: date and time in UTC, to the minute; None where it was not recorded.
    """

    cpu: str
    isa: str
    cores: int
    instructions: tuple[str, ...] | None = None
    memory_gb: float | None = None
    os: str | None = None
    python: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    commit: str | None = None
    load_1m: float | None = None
    measured_at: str | None = None

    def to_json(self) -> dict[str, Any]:
        values = asdict(self)
        values["instructions"] = None if self.instructions is None else list(self.instructions)
        if self.measured_at is None:
            del values["measured_at"]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Machine:
        held = {one.name: values[one.name] for one in fields(cls) if one.name in values}
        listed = held.get("instructions")
        return cls(**{**held, "instructions": None if listed is None else tuple(listed)})


def describe() -> Machine:
    """Describe this machine. OpenVINO compiles a small network to find its instruction set."""
    memory = host.memory().total
    return Machine(
        cpu=host.processor(),
        isa=cpu_isa(),
        cores=host.cores(),
        instructions=instructions(),
        memory_gb=None if memory is None else round(memory / 1e9, 1),
        os=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        versions={"edgewbc": __version__, **installed_versions("openvino", "onnxruntime", "torch", "numpy")},
        commit=runs.commit(),
        load_1m=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    )


def instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...] | None:
    """Return which of `INSTRUCTIONS` the processor has; None where the system does not list them."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            available = set(flags.split())
            return tuple(flag for flag in INSTRUCTIONS if flag in available)
    return None
