"""edgewbc.bench.prepare: images and models before anything is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgewbc.bench.benchmark_app import AppJob
from edgewbc.bench.gates import parse
from edgewbc.bench.interleave import AnyJob
from edgewbc.bench.job_result import JobResult
from edgewbc.bench.prepare import BenchOptions
from edgewbc.bench.runner import bench
from edgewbc.bench.worker import RowJob
from edgewbc.errors import UserError
from edgewbc.pixels import prepare
from edgewbc.runtime.predictor import Batch
from tests import labeled, tiny
from tests.bench.conftest import LAB, Fake

QUICK = BenchOptions(seconds=0, rounds=1, peaks=False, benchmark_app=False)


def test_images_are_prepared_once(tmp_path: Path) -> None:
    """The worker's file holds the output of `prepare`, in the manifest's order, and is deleted afterwards."""
    made = tiny.make_bundle(tmp_path / "b")
    manifest = labeled.make_manifest(tmp_path / "m", n=6)
    seen: list[Batch] = []

    class Reader(Fake):
        def __call__(self, job: AnyJob) -> JobResult:
            assert isinstance(job, RowJob)
            seen.append(job.read(0, job.n))
            return super().__call__(job)

    reader = Reader()
    options = BenchOptions(seconds=0, threads=1, rounds=1, peaks=False, benchmark_app=False)
    bench([tmp_path / "b", tmp_path / "b"], manifest, options, execute=reader, able=LAB)
    expected = np.stack([prepare(tiny.make_image(i), made.pixels) for i in range(6)])
    jobs = [job for job in reader.jobs if isinstance(job, RowJob)]
    assert len({job.images for job in jobs}) == 1
    assert len(seen) == 10  # of two models, two rows in two modes and one that fails at once
    for images in seen:
        np.testing.assert_array_equal(images, expected)
    assert not Path(jobs[0].images).exists()
    assert {job.threads for job in jobs} == {1}


def test_limit_samples_the_split_evenly(tmp_path: Path, fake: Fake) -> None:
    """Four of ten images are used, and the result says so."""
    tiny.make_bundle(tmp_path / "b")
    manifest = labeled.make_manifest(tmp_path / "m", n=10)
    found = bench([tmp_path / "b"], manifest, BenchOptions(limit=4, seconds=0), execute=fake, able=LAB).to_json()
    assert (found["data"]["n"], found["data"]["of"]) == (4, 10)
    assert found["rows"][0]["n"] == 4
    assert {job.n for job in fake.jobs if isinstance(job, RowJob)} == {4}


def test_without_a_manifest_there_is_no_accuracy(tmp_path: Path, fake: Fake) -> None:
    """Synthetic images are timed, and there is neither an accuracy nor a reference."""
    tiny.make_bundle(tmp_path / "b")
    found = bench([tmp_path / "b"], None, QUICK, execute=fake, able=LAB).to_json()
    assert found["data"]["protocol"] is None
    row = found["rows"][0]
    assert row["images_per_s"] == 100.0
    assert row["spread"]["images_per_s"] is None  # a single round has no spread
    assert (row["accuracy"], row["reference"], row["against"]) == (None, None, None)
    assert {job.predictions for job in fake.jobs if isinstance(job, RowJob)} == {None}
    assert not any(isinstance(job, AppJob) for job in fake.jobs)
    assert found["peaks"] == {}


def test_bad_input_is_refused_before_measuring(tmp_path: Path, fake: Fake) -> None:
    """A label that the model does not know and a condition that matches no row raise a UserError."""
    tiny.make_bundle(tmp_path / "b")
    manifest = labeled.make_manifest(tmp_path / "m", n=2, classes=("platelet",))
    with pytest.raises(UserError, match="'platelet' is not a class"):
        bench([tmp_path / "b"], manifest, QUICK, execute=fake, able=LAB)
    with pytest.raises(UserError, match="matches no row; the rows are: tiny/openvino/f32, "):
        bench([tmp_path / "b"], None, QUICK, conditions=[parse("onnx:speedup>=1")], execute=fake, able=LAB)
    assert fake.jobs == []
