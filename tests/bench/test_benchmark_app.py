"""edgewbc.bench.benchmark_app: OpenVINO's own benchmark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgewbc.bench.benchmark_app import AppJob, BenchmarkAppError, installed, parse_log, run
from edgewbc.bench.job_result import AppResult
from tests import tiny

LOG = """[ INFO ]   OPTIMAL_NUMBER_OF_INFER_REQUESTS: 4
[ INFO ]   NUM_STREAMS: 2
[ INFO ]   INFERENCE_NUM_THREADS: 3
[ INFO ]   PERFORMANCE_HINT: THROUGHPUT
"""


def test_log_is_parsed() -> None:
    """Threads, streams and requests are read; other lines are ignored."""
    assert parse_log(LOG) == {"requests": 4, "streams": 2, "threads": 3}
    assert AppResult(images_per_s=9.5, **parse_log(LOG)).to_json() == {
        "images_per_s": 9.5, "threads": 3, "streams": 2, "requests": 4,
    }  # fmt: skip


def test_threads_are_set_in_a_configuration_file(tmp_path: Path) -> None:
    """The option -nthreads would disable the hint, so threads are passed in a file."""
    job = AppJob("m.xml", "bf16", 8, 16, 24, 5, threads=2)
    arguments = job.arguments(tmp_path)
    assert arguments[: arguments.index("-report_type")] == [
        "-m", "m.xml", "-d", "CPU", "-hint", "throughput", "-infer_precision", "bf16", "-data_shape", "[8,16,24,3]",
        "-niter", "5",
    ]  # fmt: skip
    expected = {"CPU": {"INFERENCE_NUM_THREADS": "2"}}
    assert json.loads(Path(arguments[arguments.index("-load_config") + 1]).read_text()) == expected
    assert "-load_config" not in AppJob("m.xml", "f32", 8, 16, 24, 5).arguments(tmp_path)


@pytest.mark.slow
def test_it_runs_a_tiny_ir(tmp_path: Path) -> None:
    """It returns a throughput, with the requested number of threads; a missing file is an error in one line."""
    if not installed():
        pytest.skip("openvino.tools.benchmark is not installed")
    tiny.make_bundle(tmp_path / "b")
    found = run(AppJob(str(tmp_path / "b" / "openvino" / "int8.xml"), "f32", 2, 16, 16, 4, threads=1))
    assert found.images_per_s > 0
    assert (found.threads, found.streams) == (1, 1)
    with pytest.raises(BenchmarkAppError, match="^benchmark_app exited with code 1: "):
        run(AppJob(str(tmp_path / "none.xml"), "f32", 2, 16, 16, 4))
