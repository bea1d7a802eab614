"""The code that measures a toolkit in the toolkit's own environment."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PEERS = Path(__file__).resolve().parents[3] / "bench" / "peers"
ABSENT = ("simplejpeg", "openvino", "onnxruntime", "torch", "typer", "rich")
"""What edgewbc depends on, and an environment of another toolkit may not have."""


def imports(script: Path) -> list[str]:
    """Return the lines that import from edgewbc, wherever they are in a script."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return [ast.unparse(node) for node in found if (node.module or "").startswith("edgewbc")]


@pytest.mark.parametrize("script", ["lib/peerside/peer.py", "ultralytics/measure.py", "timm/measure.py"])
def test_what_a_toolkit_imports_of_edgewbc_needs_numpy_and_opencv_alone(script: str) -> None:
    """Otherwise each of its rows would be an error, after hours of preparation."""
    lines = imports(PEERS / script)
    assert lines or "peerside" not in script
    absent = f"import sys; sys.modules.update(dict.fromkeys({ABSENT!r}))"
    code = "\n".join([absent, *lines])
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert ran.stderr == ""
