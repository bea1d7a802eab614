"""Tests of edgewbc.nets.torch_predictor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.nets.torch_predictor import TorchPredictor
from edgewbc.pixels import PixelSpec

SPEC = ModelSpec("vgg16gap", ("a", "b", "c"), PixelSpec(16, 12), (4, "M", 8), (6,))
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 16, 12, 3), dtype=np.uint8)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a run folder with a network of random weights."""
    torch.manual_seed(0)
    model.save(tmp_path, model.build(SPEC), SPEC)
    return tmp_path


def test_predictions_are_the_softmax_of_the_networks_logits(run: Path) -> None:
    """Images are normalized first; dropout is off, and the features are the pooled vector."""
    net, _ = model.load(run)
    found = TorchPredictor.from_network(net.train(), SPEC)(IMAGES)
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (SPEC.pixels.mean, SPEC.pixels.std))
    x = (torch.from_numpy(IMAGES).permute(0, 3, 1, 2) / 255 - mean) / std
    net.eval()
    with torch.inference_mode():
        pooled = net.features(x).mean((2, 3))
        probabilities = net(x).softmax(1)
    np.testing.assert_allclose(found.probabilities, probabilities.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.features, pooled.numpy(), rtol=1e-4, atol=1e-4)
    assert {found.probabilities.dtype.name, found.features.dtype.name} == {"float32"}
    assert (found.probabilities.shape, found.features.shape) == ((3, 3), (3, 8))


def test_run_is_loaded_with_its_description(run: Path) -> None:
    """A loaded run gives the predictions of its network, and `info` describes it."""
    predictor = TorchPredictor.from_run(run)
    expected = TorchPredictor.from_network(*model.load(run))(IMAGES)
    np.testing.assert_allclose(predictor(IMAGES).probabilities, expected.probabilities, atol=1e-6)
    info = predictor.info
    assert (info.backend, info.precision, info.compute) == ("torch", "f32", "f32")
    assert (info.classes, info.labels, info.input_size) == (3, ("a", "b", "c"), (16, 12))
    assert (info.threads, info.version) == (torch.get_num_threads(), torch.__version__.partition("+")[0])
    with pytest.raises(UserError, match="no such file"):
        TorchPredictor.from_run(run / "absent")


def test_bfloat16_rounds_the_predictions(run: Path) -> None:
    """Predictions differ from those in f32, by no more than the rounding of bfloat16, and are float32 arrays."""
    half = TorchPredictor.from_run(run, precision="bf16")
    found, expected = (predictor(IMAGES) for predictor in (half, TorchPredictor.from_run(run)))
    difference = np.abs(found.features - expected.features).max() / np.abs(expected.features).max()
    assert 0 < difference < 2**-5
    assert (half.info.precision, half.info.compute, found.features.dtype.name) == ("bf16", "bf16", "float32")


def test_threads_are_set_on_request(run: Path) -> None:
    """None keeps the number of threads of the process."""
    before = torch.get_num_threads()
    try:
        assert TorchPredictor.from_run(run, threads=2).info.threads == torch.get_num_threads() == 2
        assert TorchPredictor.from_run(run).info.threads == 2
    finally:
        torch.set_num_threads(before)
