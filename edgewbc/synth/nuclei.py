"""Shapes in synthetic cells: outlines, granules, and the nucleus of each class. All masks are float (h, w), 0..1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shape = tuple[int, int]

_SHIFT = 4  # OpenCV draws to 1/16 of a pixel with this many fractional bits


def _fixed(points: Array | float) -> NDArray[np.int32]:
    return np.asarray(np.rint(np.asarray(points) * (1 << _SHIFT)), dtype=np.int32)


def blob(rng: np.random.Generator, center: Array, radius: float, ragged: float, long: float = 1.0) -> Array:
    """Return an irregular, roughly elliptical outline: (72, 2) points in pixels.

    Args:
        rng: determines the shape and the orientation.
        center: (x, y) in pixels.
        radius: mean radius, in pixels.
        ragged: deviation from the ellipse, as a share of the radius.
        long: ratio of the long axis to the short one.
    """
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    out = np.ones_like(angle)
    for k in range(2, 6):
        out += ragged * rng.uniform(0, 1.6 / (k - 0.5)) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    points = radius * np.stack([out * np.cos(angle) * np.sqrt(long), out * np.sin(angle) / np.sqrt(long)], axis=1)
    turn = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(turn), np.sin(turn)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]) + center)


def fill(shape: Sequence[int], outlines: Sequence[Array], soft: float = 0.0) -> Array:
    """Return the mask of filled outlines, (n, 2) points each; `soft` is the blur of the edge, as sigma in pixels."""
    mask = np.zeros(tuple(shape), np.uint8)
    for outline in outlines:
        cv2.fillPoly(mask, [_fixed(outline)], 255, cv2.LINE_AA, _SHIFT)
    return _softened(mask, soft)


def _softened(mask: NDArray[np.uint8], soft: float) -> Array:
    found = mask.astype(np.float64) / 255
    return np.asarray(cv2.GaussianBlur(found, (0, 0), soft)) if soft > 0.2 else found


def melt(mask: Array, soft: float) -> Array:
    """Round the corners of a mask: blur it with a sigma of `soft` pixels, then sharpen the edge again."""
    blurred = np.asarray(cv2.GaussianBlur(mask, (0, 0), max(soft, 0.3)))
    return np.clip((blurred - 0.5) * 3 + 0.5, 0, 1)


def circles(
    shape: Sequence[int],
    rng: np.random.Generator,
    center: Array,
    reach: float,
    number: int,
    radii: tuple[float, float],
    apart: float = 0.0,
) -> Array:
    """Return the mask of small discs that are scattered evenly over a larger disc. Lengths are in pixels.

    Args:
        shape: height and width of the mask.
        rng: random generator.
        center: (x, y) of the larger disc.
        reach: radius of the larger disc.
        number: of small discs, at most.
        radii: range of their radii.
        apart: minimum distance of two centers; discs that would be closer are left out.
    """
    fine = 3  # OpenCV draws discs of less than two pixels as diamonds, so they are drawn larger and averaged
    mask = np.zeros((shape[0] * fine, shape[1] * fine), np.uint8)
    turn = rng.uniform(0, 2 * np.pi, number)
    out = reach * np.sqrt(rng.uniform(0, 1, number))
    spots = center + np.stack([out * np.cos(turn), out * np.sin(turn)], axis=1)
    sizes = rng.uniform(*radii, number)
    near = np.sum((spots[:, None] - spots[None]) ** 2, axis=2) < apart**2
    kept = np.zeros(number, bool)
    for i in range(number):
        kept[i] = not np.any(near[i] & kept)
    middles, wides = _fixed((spots[kept] + 0.5) * fine - 0.5), _fixed(sizes[kept] * fine)
    for (x, y), wide in zip(middles.tolist(), wides.tolist(), strict=True):
        cv2.circle(mask, (x, y), wide, 255, -1, cv2.LINE_8, _SHIFT)
    small = cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return _softened(np.asarray(small, np.uint8), 0.35)


def wobble(rng: np.random.Generator, shape: Sequence[int], grain: float) -> Array:
    """Return smooth noise, (h, w), with a mean of about 0, a standard deviation of about 0.6 and a grain in pixels."""
    tall, wide = shape[0], shape[1]
    small = rng.normal(0, 1, (max(int(tall / grain), 1) + 2, max(int(wide / grain), 1) + 2))
    return np.asarray(cv2.resize(small, (wide, tall), interpolation=cv2.INTER_CUBIC))


def _lobes(
    shape: Sequence[int], rng: np.random.Generator, spots: Sequence[Array], size: float, strand: float, long: float
) -> Array:
    """Return lobes of about `size` at the given points, joined in order by strands `strand` wide; both in pixels."""
    mask = np.zeros(tuple(shape), np.uint8)
    cv2.polylines(mask, [_fixed(np.stack(spots))], False, 255, max(round(strand), 1), cv2.LINE_AA, _SHIFT)
    for spot in spots:
        outline = blob(rng, spot, size * rng.uniform(0.85, 1.15), 0.08, rng.uniform(1.0, long))
        cv2.fillPoly(mask, [_fixed(outline)], 255, cv2.LINE_AA, _SHIFT)
    return melt(mask.astype(np.float64) / 255, 0.045 * size)


def _neutrophil(shape: Sequence[int], rng: np.random.Generator, center: Array, radius: float) -> Array:
    """Return three to five lobes along a curved path."""
    number = int(rng.choice([3, 4, 5], p=[0.45, 0.38, 0.17]))
    size = radius * (0.40 - 0.033 * number)
    turn, bend = rng.uniform(0, 2 * np.pi), rng.choice([-1, 1])
    step = np.deg2rad(rng.uniform(250, 300) / number)
    out = radius * rng.uniform(0.44, 0.52)
    spots = []
    for i in range(number):
        angle = turn + bend * (i * step + rng.normal(0, 0.12))
        far = out * rng.uniform(0.82, 1.12)
        spots.append(center + far * np.array([np.cos(angle), np.sin(angle)]))
    shift = 0.45 * (center - np.mean(spots, axis=0))  # keeps the lobes near the center of the cell
    return _lobes(shape, rng, [spot + shift for spot in spots], size, 0.2 * radius, 1.5)


def _lymphocyte(shape: Sequence[int], rng: np.random.Generator, center: Array, radius: float) -> Array:
    """Return a round, dense nucleus, nearly as large as the cell, often with one shallow notch."""
    size = radius * rng.uniform(0.74, 0.88)
    turn = rng.uniform(0, 2 * np.pi)
    off = (radius - size) * rng.uniform(0, 0.7) * np.array([np.cos(turn), np.sin(turn)])
    mask = fill(shape, [blob(rng, center + off, size, 0.03, rng.uniform(1.0, 1.15))])
    if rng.random() < 0.4:
        mask = _dented(mask, rng, center + off, size, depth=rng.uniform(0.12, 0.25), wide=0.35)
    return melt(mask, 0.05 * size)


def _monocyte(shape: Sequence[int], rng: np.random.Generator, center: Array, radius: float) -> Array:
    """Return a kidney or horseshoe shape, off center."""
    size = radius * rng.uniform(0.62, 0.74)
    turn = rng.uniform(0, 2 * np.pi)
    off = radius * rng.uniform(0.05, 0.2) * np.array([np.cos(turn), np.sin(turn)])
    mask = fill(shape, [blob(rng, center + off, size, 0.07, rng.uniform(1.1, 1.4))])
    mask = _dented(mask, rng, center + off, size, depth=rng.uniform(0.5, 1.0), wide=rng.uniform(0.28, 0.45))
    return melt(mask, 0.1 * size)


def _dented(mask: Array, rng: np.random.Generator, center: Array, size: float, depth: float, wide: float) -> Array:
    """Cut a rounded notch into the side of a mask; `depth` and half the width (`wide`) are shares of `size`."""
    turn = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(turn), np.sin(turn)])
    notch = np.zeros(mask.shape, np.uint8)
    ends = np.stack([center + way * size * (1 - depth + wide), center + way * size * 1.6])
    cv2.polylines(notch, [_fixed(ends)], False, 255, max(round(2 * wide * size), 1), cv2.LINE_AA, _SHIFT)
    return np.asarray(mask * (1 - notch.astype(np.float64) / 255))


def _eosinophil(shape: Sequence[int], rng: np.random.Generator, center: Array, radius: float) -> Array:
    """Return two lobes joined by a strand, sometimes three; larger and rounder than a neutrophil's."""
    number = 2 if rng.random() < 0.88 else 3
    turn = rng.uniform(0, 2 * np.pi)
    spots = []
    for i in range(number):
        angle = turn + i * (np.deg2rad(rng.uniform(125, 165)) if number == 2 else np.deg2rad(75))
        spots.append(center + radius * rng.uniform(0.4, 0.48) * np.array([np.cos(angle), np.sin(angle)]))
    return _lobes(shape, rng, spots, radius * (0.36 if number == 2 else 0.29), 0.2 * radius, 1.35)


def _basophil(shape: Sequence[int], rng: np.random.Generator, center: Array, radius: float) -> Array:
    """Return two or three broad, indistinct lobes, which the granules hide."""
    spots = [center + rng.normal(0, 0.24, 2) * radius for _ in range(int(rng.integers(2, 4)))]
    return _lobes(shape, rng, spots, 0.44 * radius, 0.4 * radius, 1.3) * 0.9


def _immature(shape: Sequence[int], rng: np.random.Generator, center: Array, radius: float) -> Array:
    """Return a large nucleus, off center: round as in promyelocytes and myelocytes, or dented as in metamyelocytes."""
    size = radius * rng.uniform(0.64, 0.76)
    turn = rng.uniform(0, 2 * np.pi)
    off = (radius - size) * rng.uniform(0.2, 0.8) * np.array([np.cos(turn), np.sin(turn)])
    mask = fill(shape, [blob(rng, center + off, size, 0.04, rng.uniform(1.0, 1.25))])
    if rng.random() < 0.5:
        mask = _dented(mask, rng, center + off, size, depth=rng.uniform(0.2, 0.55), wide=rng.uniform(0.3, 0.45))
    return melt(mask, 0.08 * size)


def _erythroblast(shape: Sequence[int], rng: np.random.Generator, center: Array, radius: float) -> Array:
    """Return a small, round nucleus with a sharp edge, near the center."""
    size = radius * rng.uniform(0.5, 0.66)
    turn = rng.uniform(0, 2 * np.pi)
    off = (radius - size) * rng.uniform(0, 0.4) * np.array([np.cos(turn), np.sin(turn)])
    return melt(fill(shape, [blob(rng, center + off, size, 0.015, rng.uniform(1.0, 1.08))]), 0.04 * size)


def _none(shape: Sequence[int], rng: np.random.Generator, center: Array, radius: float) -> Array:
    """Return an empty mask: platelets have no nucleus."""
    return np.zeros(tuple(shape))


OF: Final[dict[str, Callable[[Sequence[int], np.random.Generator, Array, float], Array]]] = {
    "neutrophil": _neutrophil,
    "lymphocyte": _lymphocyte,
    "monocyte": _monocyte,
    "eosinophil": _eosinophil,
    "basophil": _basophil,
    "immature granulocyte": _immature,
    "erythroblast": _erythroblast,
    "platelet": _none,
}
"""By class, the function that draws the nucleus: (shape of the mask, generator, center and radius of the cell)."""
