"""The doctor: everything that a report about a PC needs, as plain JSON."""

from __future__ import annotations

import json
import platform

from edgewbc import __version__
from edgewbc.bundle.bundle import Bundle
from edgewbc.lab.doctor import diagnose


def test_a_diagnosis_is_json(bundle: Bundle) -> None:
    """PC, instruction set, versions, bundle and the measurement of int8, all of them JSON."""
    told = json.loads(json.dumps(diagnose(bundle, seconds=0, threads=1), allow_nan=False))
    assert told["cpu"]
    assert told["isa"]
    assert "FP32" in told["capabilities"]
    assert told["python"] == platform.python_version()
    assert told["versions"]["edgewbc"] == __version__
    assert {"openvino", "numpy"} <= set(told["versions"])
    assert told["bundle"] == {
        "path": str(bundle.path),
        "name": "tiny",
        "precisions": ["int8", "f32"],
        "default_precision": "int8",
    }
    assert told["int8"]["network"] == "tiny"
    assert told["tuning"]["choice"]["threads"] == 1
    assert (told["tuning"]["remembered"], told["tuning"]["reason"]) == (None, "measured for 0 seconds")


def test_a_pc_without_a_bundle(bundle: Bundle) -> None:
    """Without a bundle the PC is looked at all the same."""
    told = diagnose(None, seconds=0)
    assert told["bundle"] is told["tuning"] is None
    assert told["int8"]["ratio"] > 0
