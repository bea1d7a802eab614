"""What importing edgewbc.bench and edgewbc.report imports."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
import edgewbc.bench.compare, edgewbc.bench.end_to_end, edgewbc.bench.gates, edgewbc.bench.result
import edgewbc.bench.runner, edgewbc.bench.worker, edgewbc.report.page, edgewbc.report.terminal
heavy = {"torch", "torchvision", "accelerate", "nncf", "onnx", "safetensors", "pydantic", "sklearn", "scipy"}
print(sorted(heavy & set(sys.modules)))
"""


def test_bench_and_report_import_nothing_of_torch() -> None:
    """In a fresh process, no package of the training side is imported."""
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
