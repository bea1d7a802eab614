"""Console output of the studies, and what they do after writing their results."""

from __future__ import annotations

import subprocess  # noqa: S404
import sys
from pathlib import Path
from typing import Any

from bench.stages import StageReporter
from edgewbc.cli.console import emit, say
from edgewbc.cli.training_progress import TrainingProgress
from edgewbc.utils.optional import need

CHECKOUT = Path(__file__).resolve().parents[1]
RESULTS = CHECKOUT / "bench" / "results"


def need_training_side(command: str) -> None:
    """Check that the packages a study trains and exports with are installed; raises UserError otherwise."""
    for module in ("torch", "accelerate", "pydantic", "yaml", "safetensors", "onnx"):
        need(module, command)


def stage_reporter() -> StageReporter:
    """Report the stages of a study and its trainings on stderr."""
    training = TrainingProgress()
    return StageReporter(say, training.progress, training.report)


def refresh_tables() -> None:
    """Rewrite the tables and figures that are made from `bench/results`, in a process of its own."""
    subprocess.run([sys.executable, "-m", "bench.readme"], cwd=CHECKOUT, check=True)  # noqa: S603


def finish(results: dict[str, Any], text: str, *, as_json: bool, committed: bool) -> None:
    """Refresh the tables and figures that are made from the results of this checkout, and print the results.

    Args:
        results: of the study.
        text: the results as a table.
        as_json: print JSON instead of the table.
        committed: whether the results were written to `bench/results`, where the tables are made from.
    """
    if committed:
        refresh_tables()
    if as_json:
        emit(results)
    else:
        print(text)
