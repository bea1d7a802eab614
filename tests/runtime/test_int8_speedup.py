"""Speedup of int8: measured on the bundle, or on a synthetic network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.runtime.int8_speedup import MIN_SAMPLES, SYNTHETIC, Int8Speedup, _alternate, measure, synthetic


def test_the_bundles_own_models_are_measured(bundle: Bundle) -> None:
    """Both of the bundle's models are timed, with a minimum number of samples however short the time."""
    speedup = measure(bundle, seconds=0, threads=1)
    assert speedup.network == "tiny"
    assert speedup.n == MIN_SAMPLES
    assert speedup.threads == 1
    assert speedup.f32_ms > 0
    assert speedup.int8_ms > 0
    assert speedup.to_json()["ratio"] == pytest.approx(speedup.f32_ms / speedup.int8_ms)


@pytest.mark.parametrize("kept", [None, "int8"])
def test_a_synthetic_network_is_measured_otherwise(bundle: Bundle, kept: str | None) -> None:
    """Without a bundle, or with one of a single precision, a synthetic network is timed and named."""
    held = None
    if kept:
        files = {kept: bundle.manifest.files[kept]}
        held = Bundle(bundle.path, replace(bundle.manifest, files=files), bundle.sums)
    assert measure(held, seconds=0).network == SYNTHETIC


def test_the_synthetic_network_runs_in_int8() -> None:
    """Its five convolutions run on uint8 when quantized and on f32 when not, and both give similar results."""
    outputs = []
    for int8, want in ((False, "f32"), (True, "u8")):
        net = synthetic(int8=int8, threads=1)
        ops = [op.get_rt_info() for op in net.get_runtime_model().get_ops()]
        ran = [o["runtimePrecision"].astype(str) for o in ops if o["layerType"].astype(str) == "Convolution"]
        assert ran == [want] * 5
        outputs.append(net(np.random.default_rng(1).random((1, 3, 64, 64), dtype=np.float32))[0])
    assert np.corrcoef(outputs[0].ravel(), outputs[1].ravel())[0, 1] > 0.99


def test_measurements_alternate() -> None:
    """After the warm-up the two calls alternate, and both are measured equally often."""
    calls: list[str] = []
    slow, fast, count = _alternate(lambda: calls.append("a"), lambda: calls.append("b"), 0)
    assert calls == ["a", "b"] * (3 + MIN_SAMPLES)
    assert count == MIN_SAMPLES
    assert slow >= 0
    assert fast >= 0


def test_a_small_speedup_is_not_worthwhile() -> None:
    """int8 must be at least 10 % faster."""
    assert not Int8Speedup("n", 1.05, 1.0, 5, "i", 1).worthwhile
    assert Int8Speedup("n", 1.2, 1.0, 5, "i", 1).worthwhile
