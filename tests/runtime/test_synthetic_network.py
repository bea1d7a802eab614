"""The network that measures a CPU: its size and its precision."""

from __future__ import annotations

import numpy as np

from edgewbc.runtime import synthetic_network
from edgewbc.runtime.openvino_import import core


def test_multiply_adds_and_output() -> None:
    """Two convolutions, the second on a map of half the size; the output is the mean over space."""
    model, macs = synthetic_network.build((2, 3, 8, 8), (4, "M", 6), int8=False)
    assert macs == 2 * (8 * 8 * 3 * 4 * 9 + 4 * 4 * 4 * 6 * 9)
    compiled = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled(np.ones((2, 3, 8, 8), np.float32))[0]
    assert found.shape == (2, 6)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[0], found[1])


def test_int8_has_quantizers_around_every_convolution() -> None:
    """One of the input, one of each weight, one of each output; none in float."""
    counts = []
    for int8 in (True, False):
        model, _ = synthetic_network.build((-1, 3, 8, 8), (4, 4), int8=int8)
        counts.append(sum(node.get_type_name() == "FakeQuantize" for node in model.get_ops()))
    assert counts == [5, 0]
    assert synthetic_network.build((-1, 3, 8, 8), (4,), int8=True)[1] == 8 * 8 * 3 * 4 * 9


def test_the_instruction_set_has_a_name() -> None:
    """Whatever the CPU of the test is."""
    assert synthetic_network.cpu_isa().strip()
