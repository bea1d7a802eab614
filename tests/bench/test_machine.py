"""edgewbc.bench.machine: what a benchmark ran on."""

from __future__ import annotations

import json

from edgewbc import __version__
from edgewbc.bench.machine import describe


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
