"""Averaging over views of a cell."""

from __future__ import annotations

import numpy as np
import pytest

from bench import view_mean
from edgewbc.lab import cell_views
from tests.tiny import make_image


def test_orientations_are_grouped_by_view() -> None:
    """The first group is the images as they are, and each group is what `cell_views` gives of each image."""
    images = [make_image(seed, 16, 16) for seed in range(3)]
    found = view_mean.orientations(images)
    assert [each.shape for each in found] == [(3, 16, 16, 3)] * 8
    np.testing.assert_array_equal(found[0], images)
    for number, image in enumerate(images):
        np.testing.assert_array_equal([each[number] for each in found], cell_views.views(image))


def test_the_mean_is_arithmetic() -> None:
    """One view that gives a class nothing does not overrule two others."""
    views = [np.array([[0.7, 0.3]]), np.array([[0.8, 0.2]]), np.array([[0.0, 1.0]])]
    assert view_mean.mean(views)[0] == pytest.approx([0.5, 0.5])
