"""Class activation maps of heads with and without hidden layers; sizes that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.decision.class_map import class_maps, linear_at
from edgewbc.decision.head import Head


def make_head(random: np.random.Generator, features: int, widths: tuple[int, ...], classes: int = 3) -> Head:
    """Return a head of random weights."""
    sizes = [features, *widths, classes]
    pairs = zip(sizes, sizes[1:], strict=False)
    return Head(
        tuple(
            (random.normal(size=(out, into)).astype(np.float32), random.normal(size=out).astype(np.float32))
            for into, out in pairs
        )
    )


@given(st.integers(0, 1000), st.sampled_from([(), (4,), (6, 5)]), st.booleans())
def test_parts_and_bias_add_up_to_the_logits(seed: int, widths: tuple[int, ...], flat: bool) -> None:
    random = np.random.default_rng(seed)
    maps = random.normal(size=(7, 3, 2)).astype(np.float32)
    features = maps.reshape(-1) if flat else maps.mean((1, 2))
    head = make_head(random, len(features), widths)
    found = class_maps(head, features, maps)
    assert found.parts.shape == (3, 3, 2)
    assert found.logits == pytest.approx(head.logits(features), abs=1e-5)


def test_a_map_worked_out_by_hand() -> None:
    """Two channels, a place each: logit 0 is 2 a + 1, logit 1 is 4 b; the mean halves each place's part."""
    head = Head(((np.array([[2, 0], [0, 4]], np.float32), np.array([1, 0], np.float32)),))
    maps = np.array([[[3, 0]], [[0, 5]]], np.float32)
    found = class_maps(head, maps.mean((1, 2)), maps)
    assert found.parts.tolist() == [[[3, 0]], [[0, 10]]]
    assert found.logits.tolist() == [4, 10]
    assert found.evidence(1, 0).tolist() == [[-3, 10]]
    assert found.evidence(1).tolist() == [[-1.5, 5]]


def test_hidden_units_that_are_off_have_no_part() -> None:
    hidden = (np.array([[1.0], [-1.0]], np.float32), np.zeros(2, np.float32))
    head = Head((hidden, (np.array([[2.0, 7.0]], np.float32), np.array([0.5], np.float32))))
    assert [part.tolist() for part in linear_at(head, np.array([3.0]))] == [[[2.0]], [0.5]]
    assert [part.tolist() for part in linear_at(head, np.array([-3.0]))] == [[[-7.0]], [0.5]]


def test_evidence_does_not_change_if_all_logits_rise() -> None:
    random = np.random.default_rng(1)
    maps = random.normal(size=(4, 2, 2)).astype(np.float32)
    head = make_head(random, 4, ())
    weights, bias = head.layers[0]
    raised = Head(((weights + 3, bias + 5),))
    before, after = (class_maps(each, maps.mean((1, 2)), maps).evidence(0) for each in (head, raised))
    assert after == pytest.approx(before, abs=1e-5)


def test_a_head_that_does_not_fit_the_map() -> None:
    random = np.random.default_rng(0)
    with pytest.raises(ValueError, match="a head of 5 features does not fit a map of 7 x 3 x 2"):
        class_maps(make_head(random, 5, ()), np.zeros(5), np.zeros((7, 3, 2)))
