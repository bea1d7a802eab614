"""OpenVINO's own `benchmark_app`, run on the same IR with the same hint, threads and batch size as our row.

It runs as it is shipped (`openvino.tools.benchmark`), in a process of its own, for as many batches as our row ran in
the first round. `CI=true` disables its telemetry.
"""

from __future__ import annotations

import os
import subprocess  # noqa: S404
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edgewbc.bench.job_result import AppResult
from edgewbc.errors import UserError
from edgewbc.utils import subprocesses
from edgewbc.utils.files import read_json, write_json

SCRIPT = "from openvino.tools.benchmark.main import main; main()"
REPORT = "benchmark_report.json"
TIMEOUT = 3600
"""Seconds after which a run is stopped."""

_PROPERTIES = {
    "NUM_STREAMS": "streams",
    "INFERENCE_NUM_THREADS": "threads",
    "OPTIMAL_NUMBER_OF_INFER_REQUESTS": "requests",
}


class BenchmarkAppError(RuntimeError):
    """benchmark_app gave no result; the message is one line."""


@dataclass(frozen=True)
class AppJob:
    """A run of benchmark_app.

    Attributes:
        xml: path of the IR, with the .bin file in the same folder.
        compute: precision of the layers that are not int8: f32 or bf16.
        batch, height, width: of the input.
        iterations: number of batches.
        threads: as for our row; None leaves it to OpenVINO.
    """

    xml: str
    compute: str
    batch: int
    height: int
    width: int
    iterations: int
    threads: int | None = None

    def arguments(self, folder: Path) -> list[str]:
        """Return the command line; the report, and a configuration file if one is needed, are written to `folder`."""
        shape = f"[{self.batch},{self.height},{self.width},3]"
        config = []
        if self.threads is not None:  # -nthreads requires `-hint none`, which runs differently
            write_json(folder / "config.json", {"CPU": {"INFERENCE_NUM_THREADS": str(self.threads)}})
            config = ["-load_config", str(folder / "config.json")]
        return [
            *("-m", self.xml, "-d", "CPU", "-hint", "throughput", "-infer_precision", self.compute),
            *("-data_shape", shape, "-niter", str(self.iterations)),
            *("-report_type", "no_counters", "-json_stats", "-report_folder", str(folder), *config),
        ]


def installed() -> bool:
    """Return whether benchmark_app is installed; an offline kit leaves OpenVINO's tools out."""
    try:
        return find_spec("openvino.tools.benchmark") is not None
    except ModuleNotFoundError:
        return False


def run(job: AppJob) -> AppResult:
    """Run benchmark_app once.

    Raises:
        BenchmarkAppError: it failed, or gave no result within `TIMEOUT`.
    """
    with tempfile.TemporaryDirectory(prefix="edgewbc-bench-") as temporary:
        folder = Path(temporary)
        try:
            environment = {**os.environ, "CI": "true"}
            ran = subprocesses.run(["-c", SCRIPT, *job.arguments(folder)], environment=environment, timeout=TIMEOUT)
            report = read_json(folder / REPORT, "benchmark_app's report")["execution_results"]
            return AppResult(images_per_s=float(report["throughput"]), **parse_log(ran.stdout))
        except subprocess.TimeoutExpired:
            raise BenchmarkAppError(f"benchmark_app gave no result in {TIMEOUT} s") from None
        except (UserError, KeyError, ValueError):
            last = subprocesses.last_line(ran.stdout + ran.stderr)
            raise BenchmarkAppError(f"benchmark_app exited with code {ran.returncode}: {last}") from None


def parse_log(log: str) -> dict[str, int]:
    """Return threads, streams and requests from the lines of its log such as `[ INFO ]   NUM_STREAMS: 2`."""
    found = {}
    for line in log.splitlines():
        name, colon, value = line.removeprefix("[ INFO ]").strip().partition(": ")
        if colon and name in _PROPERTIES and value.isdigit():
            found[_PROPERTIES[name]] = int(value)
    return found
