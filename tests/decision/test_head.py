"""A head of dense layers as arrays: its logits, its files, and a linear correction of it."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.decision.head import Head, sizes, softmax


def make(*widths: int, seed: int = 0) -> Head:
    """Return a head with random weights: features, hidden widths, classes."""
    random = np.random.default_rng(seed)
    pairs = zip(widths[:-1], widths[1:], strict=True)
    return Head(
        tuple(
            (random.normal(size=(out, into)).astype(np.float32), random.normal(size=out).astype(np.float32))
            for into, out in pairs
        )
    )


def test_logits_of_one_layer() -> None:
    head = Head(((np.array([[1, 2], [0, -1]], np.float32), np.array([0.5, 0], np.float32)),))
    assert head.logits(np.array([[1.0, 1.0], [2.0, -1.0]])).tolist() == [[3.5, -1.0], [0.5, 1.0]]
    assert head.probabilities(np.array([1.0, 1.0])) == pytest.approx([1 / (1 + np.exp(-4.5)), 1 / (1 + np.exp(4.5))])


def test_between_two_layers_is_a_relu() -> None:
    first = (np.array([[1], [-1]], np.float32), np.zeros(2, np.float32))
    second = (np.array([[1, 10]], np.float32), np.zeros(1, np.float32))
    head = Head((first, second))
    assert head.logits(np.array([[3.0], [-2.0]])).tolist() == [[3.0], [20.0]]
    assert (head.features, head.classes, head.widths) == (1, 1, (2,))


@pytest.mark.parametrize("widths", [(6, 3), (6, 4, 3), (6, 4, 5, 3)])
def test_a_correction_is_added_to_the_logits(widths: tuple[int, ...]) -> None:
    head, random = make(*widths), np.random.default_rng(1)
    features = random.uniform(0, 2, size=(7, 6))
    weights, bias = random.normal(size=(3, 6)), random.normal(size=3)
    expected = head.logits(features) + features @ weights.T + bias
    corrected = head.plus(weights, bias)
    assert corrected.logits(features) == pytest.approx(expected, abs=1e-5)
    assert corrected.plus(-weights, -bias).logits(features) == pytest.approx(head.logits(features), abs=1e-5)


def test_arrays_are_read_back() -> None:
    head = make(6, 4, 3)
    arrays = head.arrays()
    assert {name: array.shape for name, array in arrays.items()} == sizes(3, 6, [4])
    again = Head.from_arrays(arrays)
    assert again.logits(np.ones(6)) == pytest.approx(head.logits(np.ones(6)))


@pytest.mark.parametrize("names", [(), ("w0",), ("w0", "b1"), ("w0", "b0", "w1"), ("a", "b")])
def test_other_arrays_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="expected w0, b0"):
        Head.from_arrays({name: np.zeros((2, 2), np.float32) for name in names})


def test_layers_that_do_not_fit_are_refused() -> None:
    layers = (*make(6, 4).layers, *make(5, 3).layers)
    with pytest.raises(ValueError, match="fit together"):
        Head(layers)
    with pytest.raises(ValueError, match="not a number"):
        Head(((np.full((2, 2), np.nan, np.float32), np.zeros(2, np.float32)),))
    with pytest.raises(ValueError, match="one dense layer"):
        Head(())


def test_softmax_of_large_logits() -> None:
    assert softmax(np.array([[1000.0, 1000.0], [-1000.0, 0.0]])).tolist() == [[0.5, 0.5], [0.0, 1.0]]


@pytest.mark.parametrize("widths", [(6, 3), (6, 4, 3)])
def test_scaling_scales_the_logits(widths: tuple[int, ...]) -> None:
    head = make(*widths)
    features = np.random.default_rng(1).uniform(0, 2, size=(7, 6))
    assert head.scaled(0.25).logits(features) == pytest.approx(0.25 * head.logits(features), abs=1e-5)
    assert head.scaled(1.0) is head
