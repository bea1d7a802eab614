"""OpenVINO's own `benchmark_app` on the same IR, under the same hint, threads, streams and batch as our row.

It is run as its makers ship it (`openvino.tools.benchmark`), in a process of its own, for as many batches as ours
answered in the first round. `CI=true` keeps it from the network: it does not import this package, which does so else.
"""

from __future__ import annotations

import os
import subprocess  # noqa: S404
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgewbc.errors import UserError
from edgewbc.utils import subprocesses
from edgewbc.utils.files import read_json, write_json

START = "from openvino.tools.benchmark.main import main; main()"
REPORT = "benchmark_report.json"
LONGEST = 3600
"""Seconds after which it is given up."""

_TOLD = {"NUM_STREAMS": "streams", "INFERENCE_NUM_THREADS": "threads", "OPTIMAL_NUMBER_OF_INFER_REQUESTS": "requests"}


@dataclass(frozen=True)
class AppJob:
    """A run of benchmark_app.

    Attributes:
        xml: the IR, its .bin beside it.
        compute: f32 or bf16: what is not int8 is computed so.
        batch, height, width: of the pictures.
        iterations: batches.
        threads: as our row was told; None leaves it to OpenVINO.
    """

    xml: str
    compute: str
    batch: int
    height: int
    width: int
    iterations: int
    threads: int | None = None

    def arguments(self, folder: Path) -> list[str]:
        """Its command line; the report is written into `folder`."""
        shape = f"[{self.batch},{self.height},{self.width},3]"
        more = []
        if self.threads is not None:  # -nthreads would ask for `-hint none`, which is another way to run
            write_json(folder / "config.json", {"CPU": {"INFERENCE_NUM_THREADS": str(self.threads)}})
            more = ["-load_config", str(folder / "config.json")]
        return [
            *("-m", self.xml, "-d", "CPU", "-hint", "throughput", "-infer_precision", self.compute),
            *("-data_shape", shape, "-niter", str(self.iterations)),
            *("-report_type", "no_counters", "-json_stats", "-report_folder", str(folder), *more),
        ]


def installed() -> bool:
    """Whether it is there: a kit for a lab's PC leaves OpenVINO's tools out."""
    try:
        return find_spec("openvino.tools.benchmark") is not None
    except ModuleNotFoundError:
        return False


def run(job: AppJob) -> dict[str, Any]:
    """Run it once: images_per_s, and threads, streams and requests as its log tells them; or `error`."""
    with tempfile.TemporaryDirectory(prefix="edgewbc-bench-") as temporary:
        folder = Path(temporary)
        try:
            environment = {**os.environ, "CI": "true"}
            ran = subprocesses.run(["-c", START, *job.arguments(folder)], environment=environment, timeout=LONGEST)
            found = read_json(folder / REPORT, "benchmark_app's report")["execution_results"]
            return {"images_per_s": float(found["throughput"]), **told(ran.stdout)}
        except subprocess.TimeoutExpired:
            return {"error": f"benchmark_app gave no result in {LONGEST} s"}
        except (UserError, KeyError, ValueError):
            said = subprocesses.last_words(ran.stdout + ran.stderr)
            return {"error": f"benchmark_app ended with {ran.returncode}: {said}"}


def told(log: str) -> dict[str, int]:
    """Threads, streams and requests, as `[ INFO ]   NUM_STREAMS: 2` lines of its log have them."""
    found = {}
    for line in log.splitlines():
        name, colon, value = line.removeprefix("[ INFO ]").strip().partition(": ")
        if colon and name in _TOLD and value.isdigit():
            found[_TOLD[name]] = int(value)
    return found
