"""Tests of `bench.networks`: a tiny network of timm through the chain, resumed, and its table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench import networks
from bench.stages import StageReporter
from edgewbc.bench.prepare import BenchOptions
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.metrics import Accuracy
from edgewbc.runtime.ir_map import MapModel
from tests.bench.conftest import measure_in_this_process
from tests.colored import make_manifest

TIMED = BenchOptions(
    seconds=0.02, rounds=1, peaks=False, benchmark_app=False, rows=(("openvino", "int8"),), threads=1, batches=(1,)
)
SETTINGS = networks.Settings(side=32, epochs=1, batch=8, crop=36)


def test_a_network_goes_through_the_whole_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained, quantized, exported and benchmarked; a second call finds everything done."""
    monkeypatch.setitem(networks.NETWORKS, "tiny", "timm:test_resnet")
    measure_in_this_process(monkeypatch)
    manifest, out = make_manifest(tmp_path / "images", per_class=4), tmp_path / "out.json"
    said: list[str] = []
    reporter = StageReporter(say=said.append)

    def run(settings: networks.Settings = SETTINGS, benchmark: bool = True) -> dict[str, object]:
        return networks.run(
            manifest, settings, tmp_path / "work", out, ["tiny"], reporter=reporter, timed=TIMED, benchmark=benchmark
        )

    assert "bench" not in run(benchmark=False)
    assert said[:3] == ["tiny: training", "tiny: quantizing", "tiny: exporting"]
    results = run()
    assert json.loads(out.read_text()) == results
    assert said.count("tiny: training") == 1
    bundle = Bundle.open(tmp_path / "work" / "tiny-bundle")
    manifest_of_bundle = bundle.manifest.to_json()
    assert manifest_of_bundle["arch"] == "timm:test_resnet"
    assert manifest_of_bundle["outputs"]["map"][0] == manifest_of_bundle["outputs"]["features"]
    assert "runtimes_tried" not in manifest_of_bundle  # they were tried with other operations
    maps = MapModel(bundle.read_model("openvino", "int8"), threads=1)(np.zeros((2, 32, 32, 3), np.uint8))
    np.testing.assert_allclose(maps.maps.mean((2, 3)), maps.features, atol=1e-4)  # so it can be explained
    text = networks.table(results)
    assert "| tiny (`timm:test_resnet`) | int8 |" in text
    assert "1 epochs, input 32 x 32" in text
    assert "of 10)" in text  # the test split
    with pytest.raises(UserError, match="other settings"):
        run(networks.Settings(side=32, epochs=2, batch=8, crop=36))


def test_what_was_trained_is_read_back() -> None:
    accuracies = {"f32": Accuracy(10, 9), "int8": Accuracy(10, 8)}
    found = networks.Trained("timm:resnet18", 7, 9, 1.5, accuracies, 1e-6, 0.5)
    assert networks.Trained.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_wrong_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        networks.main(["--data", "x", "--networks", "resnet19"])
    assert "resnet18" in capsys.readouterr().err
