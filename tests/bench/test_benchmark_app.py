"""edgewbc.bench.benchmark_app: OpenVINO's own benchmark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgewbc.bench.benchmark_app import AppJob, installed, run, told
from tests import tiny

LOG = """[ INFO ]   OPTIMAL_NUMBER_OF_INFER_REQUESTS: 4
[ INFO ]   NUM_STREAMS: 2
[ INFO ]   INFERENCE_NUM_THREADS: 3
[ INFO ]   PERFORMANCE_HINT: THROUGHPUT
"""


def test_log_tells_how_it_ran() -> None:
    """Threads, streams and requests; other lines are passed over."""
    assert told(LOG) == {"requests": 4, "streams": 2, "threads": 3}


def test_threads_are_given_beside_the_hint(tmp_path: Path) -> None:
    """They go into a configuration file, as its own option for them would take the hint away."""
    job = AppJob("m.xml", "bf16", 8, 16, 24, 5, threads=2)
    said = job.arguments(tmp_path)
    assert said[: said.index("-report_type")] == [
        "-m", "m.xml", "-d", "CPU", "-hint", "throughput", "-infer_precision", "bf16", "-data_shape", "[8,16,24,3]",
        "-niter", "5",
    ]  # fmt: skip
    expected = {"CPU": {"INFERENCE_NUM_THREADS": "2"}}
    assert json.loads(Path(said[said.index("-load_config") + 1]).read_text()) == expected
    assert "-load_config" not in AppJob("m.xml", "f32", 8, 16, 24, 5).arguments(tmp_path)


@pytest.mark.slow
def test_it_runs_on_a_tiny_ir(tmp_path: Path) -> None:
    """A rate comes back, under the threads that were asked for; a file that is none is an error in one line."""
    if not installed():
        pytest.skip("openvino.tools.benchmark is not installed")
    tiny.make_bundle(tmp_path / "b")
    job = AppJob(str(tmp_path / "b" / "openvino" / "int8.xml"), "f32", 2, 16, 16, 4, threads=1)
    found = run(job)
    assert found["images_per_s"] > 0
    assert (found["threads"], found["streams"]) == (1, 1)
    failed = run(AppJob(str(tmp_path / "none.xml"), "f32", 2, 16, 16, 4))
    assert failed["error"].startswith("benchmark_app ended with 1")
