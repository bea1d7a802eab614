"""Tests of `edgewbc.smear.lobes`: parts of a nuclear mask, and the body of cytoplasm that holds them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgewbc.smear.lobes import Body, Component

WHITE = np.array([245, 235, 225], np.uint8)


def square(left: int, top: int, side: int) -> Component:
    """A square part with all points of its outline."""
    mask = np.ones((side, side), np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(left, top))
    return Component(left, top, left + side, top + side, side**2, np.asarray(outlines[0], np.float32)[:, 0])


def body(*centers: tuple[int, int], radius: int) -> Body:
    """Discs of cytoplasm on a background, 100 x 160."""
    image = np.full((100, 160, 3), WHITE, np.uint8)
    for center in centers:
        cv2.circle(image, center, radius, (225, 170, 165), -1)
    return Body(image, WHITE)


def test_a_component_has_a_center_and_a_distance() -> None:
    """Of two squares 12 pixels apart; a square is convex."""
    one, other = square(20, 40, 21), square(52, 40, 21)
    np.testing.assert_allclose(one.center, (30, 50))
    assert one.nearest(other)[0] == pytest.approx(12, abs=1)
    assert one.convexity == pytest.approx(1, abs=0.15)


def test_a_body_holds_both_lobes_or_has_a_waist() -> None:
    """One large disc holds two lobes; two discs that touch do not."""
    one, other = square(56, 42, 17), square(88, 42, 17)
    _, near, far = one.nearest(other)
    assert body((80, 50), radius=40).holds(one, other, near, far)
    assert not body((60, 50), (100, 50), radius=20).holds(one, other, near, far)


def test_the_width_of_a_body() -> None:
    """It ends at the outline, at the reach, and at the edge of the image."""
    across = np.array((0.0, 1.0))
    disc = body((80, 50), radius=20)
    assert disc.width(np.array((80.0, 50.0)), across, 40) == pytest.approx(42, abs=1)
    assert disc.width(np.array((80.0, 50.0)), across, 10) == 20
    assert disc.width(np.array((20.0, 50.0)), across, 40) == 0
    assert body((80, 50), radius=90).width(np.array((80.0, 90.0)), across, 40) == pytest.approx(50, abs=1)
