"""OpenVINO without its converter, which is there when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import edgewbc

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from edgewbc.lab.runtime import openvino
ov = openvino()
assert "openvino.tools.ovc" not in sys.modules
assert ov is openvino() is sys.modules["openvino"]
try:
    ov.no_such_thing
except AttributeError as error:
    assert "no_such_thing" in str(error)
else:
    raise AssertionError
assert ov.convert_model.__name__ == "convert_model"
assert "openvino.tools.ovc" in sys.modules
from openvino import convert_model
assert convert_model is ov.convert_model
"""


def test_the_converter_comes_when_it_is_asked_for() -> None:
    """The lab's OpenVINO has no converter at first; the training side finds it in the same process."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(Path(edgewbc.__file__).parents[1])],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
