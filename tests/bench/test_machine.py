"""edgewbc.bench.machine: the machine that a benchmark ran on."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from edgewbc import __version__
from edgewbc.bench.machine import Machine, describe, instructions
from edgewbc.runtime import host


def test_machine_is_described() -> None:
    """The values are those of the system; JSON has the keys of results and reads back."""
    found = describe()
    assert found.cpu == host.processor()
    assert found.cores == len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else found.cores >= 1
    if hasattr(os, "sysconf"):
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
        assert found.memory_gb is not None
        assert 0 < found.memory_gb <= total + 0.1  # a container may have less
    assert found.python == platform.python_version()
    assert found.versions["edgewbc"] == __version__
    assert found.versions["openvino"] == metadata.version("openvino")
    values = found.to_json()
    keys = ["cpu", "isa", "instructions", "cores", "memory_gb", "os", "python", "versions", "commit", "load_1m"]
    assert sorted(values) == sorted(keys)
    assert Machine.from_json(json.loads(json.dumps(values, allow_nan=False))) == found
    assert replace(found, measured_at="2026-01-02 03:04 UTC").to_json()["measured_at"] == "2026-01-02 03:04 UTC"


def test_instructions_are_those_that_matter(tmp_path: Path) -> None:
    """Only the flags of `INSTRUCTIONS`, in its order; None where the system does not list them."""
    (tmp_path / "cpuinfo").write_text("processor : 0\nflags : sse avx512_vnni avx2 fma\nflags : none\n")
    assert instructions(tmp_path / "cpuinfo") == ("avx2", "fma", "avx512_vnni")
    assert instructions(tmp_path / "none") is None
