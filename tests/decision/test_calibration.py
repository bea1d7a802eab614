"""Temperature scaling: the fit, what it keeps, and what a manifest may hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgewbc.decision.calibration import HIGHEST, LOWEST, Calibration, CalibrationScores
from edgewbc.probability_metrics import calibration_error


def cells(temperature: float, n: int = 4000, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return probabilities that are off by a temperature, and labels drawn from the right ones."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2.5, (n, 4))
    right = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = (random.random((n, 1)) > right.cumsum(1)).sum(1)
    powers = np.exp(logits * temperature)
    return (powers / powers.sum(1, keepdims=True)).astype(np.float32), truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_fit_finds_the_temperature(temperature: float) -> None:
    """Probabilities that were sharpened or flattened are corrected, and held-out ones with them."""
    found = Calibration.fit(*cells(temperature))
    assert found.temperature == pytest.approx(temperature, rel=0.06)
    assert found.n == 4000
    assert found.after is not None
    assert max(found.after.width, found.after.mass) < 0.02
    probabilities, truth = cells(temperature, seed=1)
    after = CalibrationScores.of(found.apply(probabilities), truth)
    assert max(after.width, after.mass) < 0.03
    if temperature != 1:
        before = CalibrationScores.of(probabilities, truth)
        assert before.width > 2 * after.width
        assert before.brier > after.brier


def test_no_label_changes() -> None:
    """Calibrated probabilities add up to 1 and keep the order of the classes, for one cell and for several."""
    probabilities, _ = cells(1.0, 200)
    found = Calibration(0.4).apply(probabilities)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(found.argsort(1), probabilities.argsort(1))
    np.testing.assert_array_equal(Calibration(0.4).apply(probabilities[3]), found[3])
    assert found.dtype == np.float32


def test_a_temperature_of_one_changes_nothing() -> None:
    """With temperature 1 the probabilities are those of the network, zeros included."""
    probabilities = np.array([[1, 0, 0], [0.2, 0.3, 0.5]], np.float32)
    np.testing.assert_allclose(Calibration(1.0).apply(probabilities), probabilities, atol=1e-6)


def test_cells_that_are_all_correct_do_not_make_the_model_certain() -> None:
    """The temperature stays above its lower end, and no probability becomes 1."""
    probabilities = np.full((200, 3), 0.05, np.float32)
    probabilities[:, 0] = 0.9
    found = Calibration.fit(probabilities, np.zeros(200, np.int64))
    assert LOWEST < found.temperature < 1
    assert 0.98 < found.apply(probabilities).max() < 1


def test_json_is_read_back() -> None:
    """What is written is read back."""
    found = Calibration.fit(*cells(0.7, 300))
    assert Calibration.from_json(found.to_json()) == found
    assert Calibration.from_json(Calibration(0.7).to_json()) == Calibration(0.7)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "isotonic"},
        {"temperature": 0},
        {"temperature": float("nan")},
        {"temperature": 2 * HIGHEST},
        {"temperature": "warm"},
        {"n": -1},
        {"before": 3},
        {"before": {"width": 1}},
    ],
)
def test_a_malformed_entry_is_refused(change: dict[str, Any]) -> None:
    """A calibration that cannot be meant is not applied."""
    with pytest.raises(ValueError, match="calibration"):
        Calibration.from_json({**Calibration(0.7, 10).to_json(), **change})


def test_bins_of_equal_mass_see_errors_that_bins_of_equal_width_cancel() -> None:
    """Of two halves in one wide bin, one is too sure and the other not sure enough."""
    probabilities = np.array([[0.95, 0.05]] * 50 + [[0.99, 0.01]] * 50)
    truth = np.array([0] * 50 + [0] * 47 + [1] * 3)
    assert calibration_error(truth, probabilities) == pytest.approx(0, abs=1e-9)
    assert calibration_error(truth, probabilities, bins=2, equal="mass") == pytest.approx(0.05)
