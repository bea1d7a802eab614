"""edgewbc.bench.machine: what a benchmark ran on."""

from __future__ import annotations

import json
from pathlib import Path

from edgewbc import __version__
from edgewbc.bench.machine import describe, instructions


def test_machine_is_described() -> None:
    """CPU, ISA, cores, memory, system and versions, as JSON."""
    found = describe()
    json.dumps(found, allow_nan=False)
    assert found["cpu"]
    assert found["isa"]
    assert found["cores"] >= 1
    assert found["memory_gb"] is None or found["memory_gb"] > 0.5
    assert found["versions"]["edgewbc"] == __version__
    assert "openvino" in found["versions"]


def test_instructions_are_those_that_matter(tmp_path: Path) -> None:
    """In the order of our list, whatever the order of the system's; None where there is no list."""
    (tmp_path / "cpuinfo").write_text("processor : 0\nflags : sse avx512_vnni avx2 fma\nflags : none\n")
    assert instructions(tmp_path / "cpuinfo") == ["avx2", "fma", "avx512_vnni"]
    assert instructions(tmp_path / "none") is None
