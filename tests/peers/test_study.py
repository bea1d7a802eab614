"""peerbench.study and `python -m bench.peers`: from a manifest and a bundle to one file of results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from peerbench.study import CompareOptions, compare

from bench.peers.__main__ import main
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.evaluation.evaluate import evaluate
from edgewbc.pixels import PixelSpec
from tests import labeled, tiny
from tests.peers.conftest import make_peer


@pytest.fixture
def ready(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny bundle `b`, ten labeled images `m`, and two peers: one that works, one that fails when it is loaded."""
    tiny.make_bundle(tmp_path / "b")
    labeled.make_manifest(tmp_path / "m")
    make_peer(home / "sick", loading="raise RuntimeError('the library is broken')")
    monkeypatch.setattr("peerbench.study.resource_use.system_load", lambda: 0.0)
    return tmp_path


def run(folder: Path, *more: str) -> int:
    """Run `python -m bench.peers` on a tiny bundle."""
    fixed = ["--data", str(folder / "m"), "--bundle", str(folder / "b"), "--weights-of", "--work", str(folder / "work")]
    quick = ["--seconds", "0.02", "--threads", "1", "--batches", "2", "--rounds", "1", "--imgsz", "64"]
    return main([*fixed, *quick, "--peers", str(folder / "peers"), *more])


def test_result_has_every_row(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has edgewbc's row, a peer that is always correct, and failed rows with a reason; figures follow from these."""
    assert run(ready, "--out", str(ready / "peers.json")) == 0
    result = json.loads((ready / "peers.json").read_text(encoding="utf-8"))
    assert (result["data"]["n"], result["data"]["of"], result["data"]["split"]) == (10, 10, "test")
    manifest = Manifest.read(ready / "m")
    assert result["data"]["manifest_sha256"] == manifest.sha256
    assert (result["protocol"]["threads"], result["protocol"]["rounds"]) == (1, 1)
    assert result["machine"]["cores"] >= 1
    ours, fake, absent, sick, _ = result["rows"]
    truth = evaluate(ready / "b", manifest, threads=1)
    assert ours["ours"]
    assert (ours["correct"], ours["model_sha256"]) == (truth.correct, truth.model_sha256)
    assert ours["network"] == ours["model_sha256"]
    assert (fake["correct"], fake["n"], fake["accuracy"]) == (10, 10, 1.0)
    assert fake["interval"][0] == pytest.approx(0.7225, abs=1e-3)
    assert fake["agreement"] == truth.accuracy  # a peer that is always correct agrees where edgewbc is correct
    wrong = 10 - truth.correct
    assert fake["mcnemar"] == {"b": wrong, "c": 0, "p": min(1.0, 2 * 0.5**wrong)}
    assert fake["images_per_s"] > 0
    assert fake["latency_ms"]["p50"] <= fake["latency_ms"]["p90"] <= fake["latency_ms"]["p99"]
    assert fake["speed"]["ratio"] == pytest.approx(fake["images_per_s"] / ours["images_per_s"], rel=1e-3)
    assert (fake["minutes"], fake["license"], fake["version"], fake["batch"]) == (1.5, "MIT", "fake 1", 2)
    assert (fake["same_network"], fake["env_mb"]) == (None, None)
    assert absent["error"] == "there is no b"
    assert sick["error"] == "RuntimeError: the library is broken"
    assert sick["accuracy"] is None
    out = capsys.readouterr().out
    assert "not measured: sick sick 64 numpy f32: RuntimeError: the library is broken" in out.splitlines()
    assert str(ready) not in (ready / "peers.json").read_text(encoding="utf-8")


def test_prepare_only_is_kept(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every row is ready or has a reason; a second run prepares nothing."""
    for _ in range(2):
        assert run(ready, "--prepare-only", "--only", "fake") == 0
    assert (ready / "work" / "calls").read_text() == "x"
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in lines if " fake " in line or "fake 64" in line] == [
        "fake fake 64 numpy f32: it is ready",
        "fake fake 64 numpy int8: there is no b",
    ] * 2


def test_bad_input_is_one_line(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing --out, an unknown peer and a missing bundle exit with code 2 before anything is prepared."""
    assert run(ready) == 2
    assert run(ready, "--prepare-only", "--only", "nobody") == 2
    assert run(ready, "--prepare-only", "--bundle", str(ready / "m")) == 2
    assert capsys.readouterr().err.count("\n") == 3
    assert not (ready / "work").exists()


def test_network_with_another_crop_is_refused(ready: Path) -> None:
    """Networks with different crops cannot be compared."""
    other = tiny.make_bundle(ready / "other", pixels={**PixelSpec(16, 16, "centre", 12).to_dict()})
    with pytest.raises(UserError, match="crops images differently"):
        compare([ready / "b", other.path], [], Manifest.read(ready / "m"), ready / "work", CompareOptions())
