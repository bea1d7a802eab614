"""edgewbc.bench.runner: rows beside each other, with a fake worker."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bench.prepare import Options
from edgewbc.bench.runner import bench, lowest
from edgewbc.errors import UserError
from edgewbc.pixels import prepare
from tests import labelled, tiny
from tests.bench.conftest import LAB, Fake


def test_rows_have_what_scripts_rely_on(tmp_path: Path, fake: Fake) -> None:
    """Speeds are ratios to the f32 row, accuracies are scored, and a refused row does not stop the others."""
    tiny.make_bundle(tmp_path / "b")
    manifest = labelled.make_manifest(tmp_path / "m", n=10)
    found = bench([tmp_path / "b"], manifest, Options(seconds=0), execute=fake, able=LAB)
    json.dumps(found, allow_nan=False)
    one, refused, last = found["rows"]
    assert (one["precision"], one["speedup"], one["baseline"]) == ("f32", 1.0, True)
    assert (last["precision"], last["speedup"], last["baseline"]) == ("int8", 3.0, False)
    assert refused["error"] == "refused"
    assert refused["images_per_s"] is None
    assert refused["speedup"] is None
    assert (one["n"], one["correct"], one["accuracy"]) == (10, 2, 0.2)  # one in five is of class 0
    assert one["interval"][0] < 0.2 < one["interval"][1]
    assert one["reference"] == {"accuracy": 0.99, "protocol": "grouped", "met": False}
    assert one["input"] == [16, 16]
    assert one["gmac"] == pytest.approx(5.5336e-05)
    promised = "model backend precision images_per_s latency_ms accuracy n size_mb rss_mb"
    assert all(set(promised.split()) <= set(row) for row in found["rows"])
    assert found["data"]["manifest_sha256"] == manifest.sha256
    assert (found["data"]["n"], found["data"]["of"]) == (10, 10)
    assert lowest(found["rows"]) == 0.2


def test_pictures_are_prepared_once_as_the_network_sees_them(tmp_path: Path) -> None:
    """The worker's file holds what `prepare` gives, in the manifest's order, and is gone afterwards."""
    made = tiny.make_bundle(tmp_path / "b")
    manifest = labelled.make_manifest(tmp_path / "m", n=6)
    seen = []

    class Look(Fake):
        def __call__(self, job):  # type: ignore[no-untyped-def]
            seen.append(job.read(0, job.n))
            return super().__call__(job)

    look = Look()
    bench([tmp_path / "b", tmp_path / "b"], manifest, Options(seconds=0, threads=1), execute=look, able=LAB)
    expected = np.stack([prepare(tiny.picture(i), made.pixels) for i in range(6)])
    assert len({job.pictures for job in look.jobs}) == 1
    assert len(seen) == 6
    for pictures in seen:
        np.testing.assert_array_equal(pictures, expected)
    assert not Path(look.jobs[0].pictures).exists()
    assert {job.threads for job in look.jobs} == {1}


def test_limit_is_spread_over_the_split(tmp_path: Path, fake: Fake) -> None:
    """Four of ten pictures are the first, the last and two between; the data say so."""
    tiny.make_bundle(tmp_path / "b")
    manifest = labelled.make_manifest(tmp_path / "m", n=10)
    found = bench([tmp_path / "b"], manifest, Options(limit=4), execute=fake, able=LAB)
    assert (found["data"]["n"], found["data"]["of"]) == (4, 10)
    assert found["rows"][0]["n"] == 4
    assert fake.jobs[0].n == 4


def test_without_a_manifest_there_is_no_accuracy(tmp_path: Path, fake: Fake) -> None:
    """Synthetic pictures are timed, and neither an accuracy nor a reference is given."""
    tiny.make_bundle(tmp_path / "b")
    found = bench([tmp_path / "b"], None, Options(), execute=fake, able=LAB)
    assert found["data"]["protocol"] is None
    assert found["rows"][0]["images_per_s"] == 100.0
    assert found["rows"][0]["accuracy"] is None
    assert found["rows"][0]["reference"] is None
    assert fake.jobs[0].labelled is False
    assert lowest(found["rows"]) is None


def test_unknown_label_stops_before_anything_is_measured(tmp_path: Path, fake: Fake) -> None:
    """A label that the model does not know is the user's mistake."""
    tiny.make_bundle(tmp_path / "b")
    manifest = labelled.make_manifest(tmp_path / "m", n=2, classes=("platelet",))
    with pytest.raises(UserError, match="'platelet' is not a class"):
        bench([tmp_path / "b"], manifest, Options(), execute=fake, able=LAB)
    assert fake.jobs == []
