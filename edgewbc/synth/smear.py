"""Synthetic blood smears: white blood cells in a May-Gruenwald-Giemsa stain among red cells and platelets.

Cells are painted as optical density and converted to light at the end (Beer-Lambert), so that overlapping cells are
darker, and a slide's stain, thickness and light affect all of them. Sizes are in micrometers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Box, Image
from edgewbc.synth import nuclei
from edgewbc.synth.nuclei import Array, blob, circles, fill, wobble

RED_CELL_RADIUS = 3.6  # mean
CELL_FIELD = 25.0  # side of the image of a single cell

# Smallest and largest radius of each kind of cell in a smear, where it is spread flat.
RADII = {
    "neutrophil": (5.8, 7.2),
    "lymphocyte": (4.6, 6.4),
    "monocyte": (7.0, 8.8),
    "eosinophil": (6.0, 7.4),
    "basophil": (5.6, 6.9),
    "immature granulocyte": (7.2, 9.2),
    "erythroblast": (3.9, 5.4),
    "platelet": (1.3, 2.2),
}


@dataclass(frozen=True)
class Slide:
    """Properties that all images of a slide share.

    Attributes:
        light: of the empty background, RGB in 0..255, (3,).
        dye: factor on the optical density by channel, (3,): strength and hue of the stain.
        crowding: share of the area that red cells would cover if no white cell were there.
        blur: standard deviation of the optics' blur, in micrometers.
        noise: standard deviation of the camera's noise, in gray levels.
        red: optical density of a red cell, (3,).
    """

    light: Array
    dye: Array
    crowding: float
    blur: float
    noise: float
    red: Array

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Slide:
        """Draw the properties of a slide at random."""
        light = rng.uniform(222, 248) + rng.uniform(-9, 6, 3)
        dye = rng.uniform(0.78, 1.2) * rng.uniform(0.9, 1.1, 3)
        red = density((226, 180, 176)) * rng.uniform(0.7, 1.25) + rng.uniform(0, 0.05, 3)
        return cls(light, dye, rng.uniform(0.35, 0.8), rng.uniform(0.1, 0.22), rng.uniform(1.5, 3.5), red)


def density(rgb: Sequence[float]) -> Array:
    """Return the optical density by channel, (3,), of a layer that has this color (0..255) on a white background."""
    return -np.log(np.asarray(rgb, dtype=np.float64) / 245)


def stain(canvas: Array, mask: Array, color: Array) -> None:
    """Replace the canvas by a density where a mask is 1, in place; between 0 and 1 the two are blended.

    Args:
        canvas: optical density, (h, w, 3).
        mask: 0..1, (h, w).
        color: optical density, (3,) or (h, w, 3).
    """
    canvas += (color - canvas) * mask[..., None]


def white_cell(canvas: Array, label: str, rng: np.random.Generator, center: Array, radius: float, scale: float) -> Box:
    """Paint a white cell, an erythroblast or a platelet onto a canvas of optical density, in place.

    Args:
        canvas: (h, w, 3); replaced where the cell is.
        label: one of `cells.CLASSES` or `cells.OTHER_CLASSES`.
        rng: determines the cell's appearance.
        center: (x, y) in pixels.
        radius: in pixels.
        scale: pixels per micrometer.

    Returns:
        The cell's bounding box (left, top, width, height in pixels); it may extend beyond the canvas.
    """
    shape = canvas.shape[:2]
    ragged = {"monocyte": 0.07, "lymphocyte": 0.03, "erythroblast": 0.03, "platelet": 0.14}.get(label, 0.045)
    outline = blob(rng, center, radius, ragged)
    body = fill(shape, [outline], soft=0.12 * scale)
    nucleus = nuclei.OF[label](shape, rng, center, radius)
    tint = rng.uniform(0.85, 1.15)
    plasma, core = (density(color) * tint for color in COLORS[label])
    texture = wobble(rng, shape, 1.1 * scale)
    stain(canvas, body, plasma * (1 + 0.10 * texture[..., None]))
    _granules_below(canvas, label, rng, center, radius, scale, body)
    lumps = wobble(rng, shape, (0.9 if label == "monocyte" else 0.7) * scale)
    strength = {"monocyte": 0.16, "lymphocyte": 0.12, "erythroblast": 0.05}.get(label, 0.13)
    solid = rng.uniform(0.9, 1.08) * core * (1 + strength * lumps[..., None])
    stain(canvas, nucleus * body * 0.97, solid)
    _granules_above(canvas, label, rng, center, radius, scale, body)
    left, top = outline.min(axis=0)
    right, bottom = outline.max(axis=0)
    return (float(left), float(top), float(right - left), float(bottom - top))


# Colors of the cytoplasm and of the nucleus on white, by class. A basophil's nucleus is pale under its granules; a
# platelet has none, and its second color is not seen.
COLORS = {
    "neutrophil": ((230, 205, 214), (118, 66, 142)),
    "lymphocyte": ((164, 180, 220), (104, 60, 138)),
    "monocyte": ((184, 178, 204), (136, 92, 160)),
    "eosinophil": ((234, 200, 192), (120, 70, 144)),
    "basophil": ((206, 176, 208), (128, 84, 154)),
    "immature granulocyte": ((184, 174, 212), (132, 78, 158)),
    "erythroblast": ((202, 178, 186), (72, 42, 104)),
    "platelet": ((204, 186, 220), (204, 186, 220)),
}


def _granules_below(
    canvas: Array, label: str, rng: np.random.Generator, center: Array, radius: float, scale: float, body: Array
) -> None:
    """Paint the granules and vacuoles of the cytoplasm, which the nucleus covers."""
    shape = canvas.shape[:2]
    if label == "neutrophil":  # fine and pale: a texture rather than dots
        dots = circles(shape, rng, center, radius * 0.94, 160, (0.12 * scale, 0.24 * scale))
        stain(canvas, dots * body * 0.5, density((206, 158, 186)))
    elif label == "eosinophil":  # coarse, round, of equal size, densely packed
        dots = circles(shape, rng, center, radius * 0.93, 190, (0.36 * scale, 0.5 * scale), apart=0.78 * scale)
        stain(canvas, dots * body * 0.9, density((216, 118, 92)) * rng.uniform(0.8, 1.2))
    elif label == "monocyte":
        dust = circles(shape, rng, center, radius * 0.93, 70, (0.1 * scale, 0.18 * scale))
        stain(canvas, dust * body * 0.35, density((170, 140, 180)))
        if rng.random() < 0.6:
            holes = circles(shape, rng, center, radius * 0.9, int(rng.integers(2, 7)), (0.35 * scale, 0.75 * scale))
            stain(canvas, holes * body * 0.75, density((232, 228, 236)))
    elif label == "platelet":  # a purple core in a pale rim
        dots = circles(shape, rng, center, radius * 0.72, 30, (0.16 * scale, 0.3 * scale), apart=0.3 * scale)
        stain(canvas, dots * body * 0.85, density((142, 86, 166)))
    elif label == "lymphocyte" and rng.random() < 0.25:  # a few azure granules, as in large granular lymphocytes
        dots = circles(shape, rng, center, radius * 0.95, int(rng.integers(3, 9)), (0.18 * scale, 0.28 * scale))
        stain(canvas, dots * body * 0.8, density((150, 80, 150)))


def _granules_above(
    canvas: Array, label: str, rng: np.random.Generator, center: Array, radius: float, scale: float, body: Array
) -> None:
    """Paint the granules over the nucleus: dark in basophils, fine in immature granulocytes, a few in eosinophils."""
    shape = canvas.shape[:2]
    if label == "basophil":
        number = int(rng.integers(50, 130))
        dots = circles(shape, rng, center, radius * 0.92, number, (0.3 * scale, 0.72 * scale), apart=0.55 * scale)
        stain(canvas, dots * body * 0.85, density((82, 44, 116)) * rng.uniform(0.85, 1.1))
    elif label == "eosinophil":
        dots = circles(shape, rng, center, radius * 0.7, 9, (0.34 * scale, 0.46 * scale))
        stain(canvas, dots * body * 0.55, density((206, 112, 104)))
    elif label == "immature granulocyte":
        number = int(rng.integers(40, 160))
        dots = circles(shape, rng, center, radius * 0.93, number, (0.16 * scale, 0.3 * scale), apart=0.4 * scale)
        stain(canvas, dots * body * 0.6, density((128, 52, 118)))


def surroundings(
    canvas: Array, rng: np.random.Generator, slide: Slide, scale: float, taken: Sequence[tuple[Array, float]]
) -> None:
    """Add red cells and platelets, in place; they may overlap each other, but not the white cells.

    Args:
        canvas: optical density, (h, w, 3).
        rng: random generator.
        slide: of which the cells are.
        scale: pixels per micrometer.
        taken: center and radius of each white cell, in pixels.
    """
    tall, wide = canvas.shape[:2]
    unit = RED_CELL_RADIUS * scale
    number = round(slide.crowding * (tall + 2 * unit) * (wide + 2 * unit) / (np.pi * unit**2))
    placed, count = np.empty((number, 2)), 0
    for _ in range(4 * number):
        at = rng.uniform((-unit, -unit), (wide + unit, tall + unit))
        radius = unit * rng.uniform(0.86, 1.12)
        # The outline of a red cell extends to 1.1 radii: it may touch a white cell, which then covers a part of it.
        if any(np.hypot(*(at - c)) < r + 1.02 * radius for c, r in taken):
            continue
        nearest = np.hypot(*(at - placed[:count]).T).min(initial=np.inf)
        if nearest < unit * (1.95 if rng.random() < 0.85 else 1.2):
            continue
        placed[count] = at
        count += 1
        _red_cell(canvas, rng, slide, at, radius)
        if count >= number:
            break
    for _ in range(rng.poisson(1.2e-3 * tall * wide / scale**2)):
        at = rng.uniform((0, 0), (wide, tall))
        if all(np.hypot(*(at - c)) > r + 1.6 * scale for c, r in taken):
            platelet(canvas, rng, at, scale)


def platelet(canvas: Array, rng: np.random.Generator, at: Array, scale: float) -> None:
    """Add a platelet of 1.4 to 2.8 micrometers at (x, y) in pixels, in place."""
    outline = blob(rng, at, rng.uniform(0.7, 1.4) * scale, 0.15)
    soft = 0.25 * scale
    reach = 2 + np.ceil(5 * soft)  # beyond the outline's antialiasing and its blur
    left, top = np.maximum(np.floor(outline.min(0) - reach), 0).astype(int)
    right, bottom = np.maximum(np.ceil(outline.max(0) + reach), 0).astype(int)
    view = canvas[top:bottom, left:right]
    view += fill(view.shape[:2], [outline - (left, top)], soft)[..., None] * density((176, 140, 190))


def _red_cell(canvas: Array, rng: np.random.Generator, slide: Slide, at: Array, radius: float) -> None:
    """Add a disc that is thick at the rim and thin in the middle."""
    reach = int(np.ceil(radius * 1.4))
    x0, y0 = (int(round(v)) - reach for v in at)
    xs = np.arange(max(x0, 0), min(x0 + 2 * reach, canvas.shape[1]))
    ys = np.arange(max(y0, 0), min(y0 + 2 * reach, canvas.shape[0]))
    if not len(xs) or not len(ys):
        return
    dx, dy = np.meshgrid(xs - at[0], ys - at[1])
    angle = np.arctan2(dy, dx)
    edge = radius * (1 + rng.uniform(0, 0.09) * np.cos(2 * angle + rng.uniform(0, 6.28)))
    edge = edge + radius * rng.uniform(0, 0.03) * np.cos(3 * angle + rng.uniform(0, 6.28))
    part = np.hypot(dx, dy) / edge
    inside = np.clip((1 - part) * radius / 1.6 + 0.5, 0, 1)
    pallor = rng.uniform(0.25, 0.75) * np.exp(-((part / rng.uniform(0.42, 0.62)) ** 3))
    view = canvas[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    view += (inside * (1 - pallor))[..., None] * (slide.red * rng.uniform(0.9, 1.1))


def develop(canvas: Array, rng: np.random.Generator, slide: Slide, scale: float) -> Image:
    """Convert optical density, (h, w, 3), to an image with uneven light, the blur of the optics and camera noise."""
    tall, wide = canvas.shape[:2]
    light = slide.light * np.exp(-canvas * slide.dye)
    light *= 1 + 0.02 * wobble(rng, (tall, wide), max(tall, wide) / 3)[..., None]
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), max(slide.blur * rng.uniform(0.8, 1.3) * scale, 0.35)))
    noise = np.asarray(cv2.GaussianBlur(rng.normal(0, 1, light.shape), (0, 0), 0.5)) * 1.8
    return np.clip(np.rint(light + slide.noise * noise), 0, 255).astype(np.uint8)


def empty(height: int, width: int) -> NDArray[np.float64]:
    """Return an empty canvas: optical density 0, (height, width, 3)."""
    return np.zeros((height, width, 3))
