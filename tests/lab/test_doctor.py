"""Diagnosis of a PC, and its JSON form."""

from __future__ import annotations

import json
import platform

from edgewbc import __version__
from edgewbc.bundle.bundle import Bundle
from edgewbc.lab.doctor import diagnose


def test_a_diagnosis_is_json(bundle: Bundle) -> None:
    """PC, instruction set, versions, bundle, int8 and tuning are there, as JSON values."""
    found = json.loads(json.dumps(diagnose(bundle, seconds=0, threads=1).to_json(), allow_nan=False))
    assert found["cpu"]
    assert found["isa"]
    assert "FP32" in found["capabilities"]
    assert found["python"] == platform.python_version()
    assert found["versions"]["edgewbc"] == __version__
    assert {"openvino", "numpy"} <= set(found["versions"])
    assert found["bundle"] == {
        "path": str(bundle.path),
        "name": "tiny",
        "precisions": ["int8", "f32"],
        "default_precision": "int8",
        "training_images": False,
    }
    assert found["int8"]["network"] == "tiny"
    assert found["tuning"]["choice"]["threads"] == 1
    assert (found["tuning"]["remembered"], found["tuning"]["reason"]) == (None, "measured for 0 seconds")


def test_a_pc_without_a_bundle(bundle: Bundle) -> None:
    """Without a bundle the PC is still described, and int8 is measured with a synthetic network."""
    found = diagnose(None, seconds=0).to_json()
    assert found["bundle"] is found["tuning"] is None
    assert found["int8"]["ratio"] > 0
