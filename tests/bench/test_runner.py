"""edgewbc.bench.runner: a whole benchmark with a fake worker."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bench import prepare as prepare_module
from edgewbc.bench import runner
from edgewbc.bench.plan import BenchModel, plan
from edgewbc.bench.prepare import BenchOptions
from edgewbc.bench.runner import bench
from tests import labeled, tiny
from tests.bench.conftest import LAB, Fake

QUICK = BenchOptions(seconds=0, rounds=1, peaks=False, benchmark_app=False)


def test_rows_have_the_documented_keys(tmp_path: Path, fake: Fake) -> None:
    """Speedups are relative to the f32 row, accuracy is scored, and a failed row does not stop the others."""
    tiny.make_bundle(tmp_path / "b")
    manifest = labeled.make_manifest(tmp_path / "m", n=10)
    result = bench([tmp_path / "b"], manifest, BenchOptions(seconds=0), execute=fake, able=LAB)
    found = result.to_json()
    json.dumps(found, allow_nan=False)
    one, refused, last = found["rows"]
    assert (one["precision"], one["speedup"], one["baseline"]) == ("f32", 1.0, True)
    assert (last["precision"], last["speedup"], last["baseline"]) == ("int8", 3.0, False)
    assert [row["delivered"] for row in found["rows"]] == [False, False, True]
    assert refused["error"] == "refused"
    assert refused["images_per_s"] is None
    assert refused["speedup"] is None
    assert (one["n"], one["correct"], one["accuracy"]) == (10, 2, 0.2)  # one in five is of class 0
    assert one["interval"][0] < 0.2 < one["interval"][1]
    reference = {"accuracy": 0.99, "protocol": "grouped", "met": False, "stated_under": "poster"}
    assert one["reference"] == reference
    assert one["input"] == [16, 16]
    assert one["gmac"] == pytest.approx(5.5336e-05)
    promised = "model backend precision images_per_s latency_ms accuracy n size_mb rss_mb"
    assert all(set(promised.split()) <= set(row) for row in found["rows"])
    assert found["data"]["manifest_sha256"] == manifest.sha256
    assert (found["data"]["n"], found["data"]["of"]) == (10, 10)
    assert result.lowest_accuracy == 0.2


def test_row_is_complete(tmp_path: Path, fake: Fake) -> None:
    """It has both modes, the precision that ran, the share of the peak, benchmark_app, agreement and predictions."""
    tiny.make_bundle(tmp_path / "b")
    manifest = labeled.make_manifest(tmp_path / "m", n=10)
    found = bench([tmp_path / "b"], manifest, BenchOptions(seconds=0, batches=(4,)), execute=fake, able=LAB).to_json()
    row = found["rows"][2]
    assert (row["precision_ran"], row["kernels"]) == ("int8", {"u8": 1, "f32": 1})
    assert row["modes"]["throughput"] == {"threads": 2, "streams": 1, "batch": 4, "cores_busy": 1.9}
    assert row["modes"]["latency"]["batch"] == 1
    assert (row["rss_mb"], row["rss_latency_mb"]) == (120.0, 110.0)
    assert row["latency_ms"] == pytest.approx({"p50": 2, "p90": 3, "p95": 3, "p99": 3, "n": 9})
    assert len(row["latency_quantiles_ms"]) == 101
    assert row["gmac_per_s"] == pytest.approx(300 * row["gmac"], rel=1e-4)
    assert row["peak_share"] == pytest.approx(300 * row["gmac"] / 0.04, rel=1e-4)
    assert found["peaks"]["int8"]["gmac_per_s"] == 0.04
    app = row["benchmark_app"]
    assert (app["images_per_s"], app["ratio"], app["near"], app["alike"]) == (240.0, 1.25, True, True)
    assert (row["agreement"], row["parity"], row["mcnemar"]) == (1.0, 0.0, {"b": 0, "c": 0, "p": 1.0})
    expected = {"model": "tiny", "backend": "openvino", "precision": "f32", "same_model": True}
    assert row["against"] == expected
    assert row["answers"] == "0" * 10
    assert found["data"]["truth"] == "0123401234"
    assert np.array(row["confusion"])[:, 0].tolist() == [2, 2, 2, 2, 2]
    assert row["reliability"][8]["n"] == 0
    assert row["reliability"][9]["n"] == 10
    assert row["ece"] == pytest.approx(0.7)  # confidence 0.9, accuracy 0.2
    assert len(row["worst"]) == 8
    assert row["worst"][0] == {
        "index": 1, "path": "images/001.png", "label": "lymphocyte", "said": "neutrophil", "probability": 0.9,
        "probability_of_label": 0.1,
    }  # fmt: skip
    assert found["protocol"]["rounds"] == 3
    assert row["per_class"]["neutrophil"]["recall"] == 1.0


def test_drift_does_not_favor_a_row(tmp_path: Path) -> None:
    """If each round is 20 % slower, the ratio is still three in every round, and the rows are marked as unsteady."""
    tiny.make_bundle(tmp_path / "b")
    found = bench([tmp_path / "b"], None, BenchOptions(seconds=0), execute=Fake(drift=0.8), able=LAB).to_json()
    row = found["rows"][2]
    assert row["rounds"]["images_per_s"] == pytest.approx([300, 240, 192])
    assert row["images_per_s"] == pytest.approx(240)
    assert row["speedup_range"] == pytest.approx([3, 3])
    assert row["spread"]["images_per_s"] == pytest.approx(108 / 240)
    assert row["spread"]["speedup"] == pytest.approx(0)
    assert row["unsteady"] == ["images_per_s", "latency_p50_ms"]
    assert len(set(row["rounds"]["peak_share"])) == 1


def test_baseline_is_timed_and_not_scored(tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Speedups are relative to it, it has no accuracy, and McNemar's test uses a network that was scored."""
    tiny.make_bundle(tmp_path / "b")
    manifest = labeled.make_manifest(tmp_path / "m", n=10)

    def slow(side: int, folder: Path) -> BenchModel:
        model = plan(tmp_path / "b", LAB, [("openvino", "f32")])
        return replace(
            model, name=f"vgg16gap-{side}", pixels=replace(model.pixels, height=side, width=side), scored=False
        )

    monkeypatch.setattr(runner, "baseline", slow)
    counted = iter([1.0, 9.0])
    monkeypatch.setattr(prepare_module, "_gmac", lambda found: next(counted))
    options = replace(QUICK, rows=(("openvino", "f32"), ("openvino", "int8")), baseline=24)
    found = bench([tmp_path / "b"], manifest, options, execute=fake, able=LAB).to_json()
    one, int8, base = found["rows"]
    assert (base["model"], base["input"], base["baseline"]) == ("vgg16gap-24", [24, 24], True)
    assert (base["accuracy"], base.get("answers"), base["images_per_s"]) == (None, None, 100.0)
    assert (one["baseline"], one["speedup"], int8["speedup"]) == (False, 1.0, 3.0)
    assert int8["against"]["model"] == "tiny"
