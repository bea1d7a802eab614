"""int8 against f32: measured in turns, on the bundle or on a stand-in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.runtime.int8_speedup import LEAST, Gain, _in_turns, measure, stand_in


def test_the_bundles_own_models_are_measured(bundle: Bundle) -> None:
    """Both of the bundle's models are timed, at least a few times however short the time."""
    gain = measure(bundle, seconds=0, threads=1)
    assert gain.network == "tiny"
    assert gain.n == LEAST
    assert gain.threads == 1
    assert gain.f32_ms > 0
    assert gain.int8_ms > 0
    assert gain.to_dict()["ratio"] == pytest.approx(gain.f32_ms / gain.int8_ms)


@pytest.mark.parametrize("kept", [None, "int8"])
def test_a_stand_in_is_measured_else(bundle: Bundle, kept: str | None) -> None:
    """Without a bundle, or with one of a single precision, the stand-in is timed and named."""
    held = None
    if kept:
        files = {kept: bundle.manifest.files[kept]}
        held = Bundle(bundle.path, replace(bundle.manifest, files=files), bundle.sums)
    assert measure(held, seconds=0).network == "a stand-in of five convolutions"


def test_the_stand_in_runs_in_int8() -> None:
    """Its five convolutions run on uint8 when quantized and on f32 when not, and the two answer alike."""
    answers = []
    for int8, want in ((False, "f32"), (True, "u8")):
        net = stand_in(int8=int8, threads=1)
        ops = [op.get_rt_info() for op in net.get_runtime_model().get_ops()]
        ran = [o["runtimePrecision"].astype(str) for o in ops if o["layerType"].astype(str) == "Convolution"]
        assert ran == [want] * 5
        answers.append(net(np.random.default_rng(1).random((1, 3, 64, 64), dtype=np.float32))[0])
    assert np.corrcoef(answers[0].ravel(), answers[1].ravel())[0, 1] > 0.99


def test_measurements_take_turns() -> None:
    """After the warm-up the two are called in turns, equally often."""
    calls: list[str] = []
    slow, fast, count = _in_turns(lambda: calls.append("a"), lambda: calls.append("b"), 0)
    assert calls == ["a", "b"] * (3 + LEAST)
    assert count == LEAST
    assert slow >= 0
    assert fast >= 0


def test_a_small_gain_does_not_pay() -> None:
    """int8 pays from a tenth faster on."""
    assert not Gain("n", 1.05, 1.0, 5, "i", 1).pays
    assert Gain("n", 1.2, 1.0, 5, "i", 1).pays
