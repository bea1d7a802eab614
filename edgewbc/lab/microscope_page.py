"""The profile of a microscope as one self-contained HTML page: what was seen, and cells before and after mapping."""

from __future__ import annotations

import base64
import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from string import Template

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc import pixels
from edgewbc.images.encode import encode
from edgewbc.pixels import Box, Image, PixelSpec, Reference
from edgewbc.smear import canonical, frame
from edgewbc.smear.gauge import ImageObservation
from edgewbc.smear.microscope import Profile

SHOWN = 8
"""Images and cells that are shown."""
SIDE = 220
"""Longer side of a shown image, in pixels."""
BINS = 24

_COLORS = ("#b3261e", "#2e7d32", "#1f5fbf")
_BOX = (20, 90, 220)


@dataclass
class Gallery:
    """Collects what the page shows of the images that a profile is shown with.

    Attributes:
        profile: of the microscope.
        spec: crop of a bundle that locates cells, for the cells after the mapping; None shows none.
        seen: what was observed of each image.
        images: the first images of each preparation, with a box around each located cell.
        pairs: cells before and after, both in the size of the network's input.
    """

    profile: Profile
    spec: PixelSpec | None
    seen: list[ImageObservation] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    pairs: list[tuple[Image, Image]] = field(default_factory=list)
    _images: Counter[Profile] = field(default_factory=Counter)
    _pairs: Counter[Profile] = field(default_factory=Counter)

    def add(self, image: Image, observation: ImageObservation) -> None:
        """Add an image, uint8 RGB (height, width, 3)."""
        self.seen.append(observation)
        profile = self.profile.of_image(observation.gauge.background)
        most = SHOWN // max(1, len(self.profile.preparations))
        if self._images[profile] < most:
            self._images[profile] += 1
            self.images.append(_boxed(image, [cell.box for cell in observation.gauge.cells]))
        whole = [cell for cell in observation.gauge.cells if not cell.cut_off]
        if self.spec is not None and whole and self._pairs[profile] < most:
            self._pairs[profile] += 1
            image = frame.cleared(image)
            view = canonical.view(image, observation.gauge, whole[0], profile, self.spec)
            red, green, blue = (int(level) for level in view.background)
            before = pixels.cut(image, view.part, self.spec.height, self.spec.width, fill=(red, green, blue))
            self.pairs.append((before, canonical.crop(image, view, self.spec)))


def page(profile: Profile, name: str, gallery: Gallery | None = None, bundle: str = "") -> str:
    """Return the page.

    Args:
        profile: of the microscope.
        name: of its file.
        gallery: images of the microscope to show with it, if any.
        bundle: name of the bundle whose reference is compared with, if any.
    """
    reference = None if gallery is None or gallery.spec is None else gallery.spec.reference
    problems = [*profile.problems, *([] if reference is None else profile.far_off(reference))]
    told = [*(("problem", line) for line in problems), *(("remark", line) for line in profile.remarks)]
    return _PAGE.substitute(
        name=html.escape(name),
        summary=html.escape(_summary(profile, reference, bundle)),
        problems="".join(f'<p class="{kind}">{html.escape(line)}</p>' for kind, line in told),
        facts=_facts(profile, reference) + _preparations(profile, reference),
        histograms="" if gallery is None else _histograms(gallery.seen, reference),
        seen="" if gallery is None else _images("What was located", gallery.images),
        pairs="" if gallery is None or not gallery.pairs else _pairs(gallery.pairs, bundle),
        sha256=profile.sha256,
    )


def _summary(profile: Profile, reference: Reference | None, bundle: str) -> str:
    text = f"Learned from {profile.images} images with {profile.cells} white cells."
    if reference is None:
        return text
    times = profile.nucleus / reference.nucleus
    return f"{text} Nuclei are {times:.2f} times as large in pixels as on the images that {bundle} was trained on."


def _facts(profile: Profile, reference: Reference | None) -> str:
    """Return the table of quantities."""
    spread = profile.spread

    def row(what: str, value: str, between: str, other: str) -> str:
        return f"<tr><th>{what}</th><td>{value}</td><td>{between}</td><td>{other}</td></tr>"

    red = "too few seen" if profile.red_cell is None else f"{profile.red_cell:.1f}"
    low, high = (None, None) if spread is None else spread.nucleus
    rows = [
        row(
            "Nucleus, square root of its area, in pixels",
            f"{profile.nucleus:.1f}{'' if _within(profile) else ' (by the red cells)'}",
            "" if low is None or high is None else f"{low:.0f} to {high:.0f}",
            "" if reference is None else f"{reference.nucleus:.1f}",
        ),
        row("Red cells, diameter in pixels", red, "", ""),
        row(
            "Background (red, green, blue)",
            _swatch(profile.background),
            "" if spread is None else " to ".join(_levels(side) for side in spread.background),
            "" if reference is None else _swatch(reference.background),
        ),
        row(
            "Optical density of nuclei (red, green, blue)",
            _densities(profile.density),
            "" if spread is None else " to ".join(_densities(side) for side in spread.density),
            "" if reference is None else _densities(reference.density),
        ),
    ]
    head = "<tr><th></th><th>Median</th><th>98 % of the images</th><th>Training images</th></tr>"
    return f'<div class="wide"><table>{head}{"".join(rows)}</table></div>'


def _preparations(profile: Profile, reference: Reference | None) -> str:
    """Return a table for each of two preparations; empty if the images are of one."""
    return "".join(
        f"<h2>Preparation {number}: {one.images} images with {one.cells} white cells</h2>{_facts(one, reference)}"
        for number, one in enumerate(profile.preparations, 1)
    )


def _within(profile: Profile) -> bool:
    """Whether the usual nucleus is among those that were seen; one that red cells tell may not be."""
    return profile.spread is None or profile.spread.nucleus[0] <= profile.nucleus <= profile.spread.nucleus[1]


def _swatch(color: Sequence[float]) -> str:
    levels = ",".join(f"{level:.0f}" for level in color)
    return f'<span class="swatch" style="background:rgb({levels})"></span>{_levels(color)}'


def _levels(color: Sequence[float]) -> str:
    return " ".join(f"{level:.0f}" for level in color)


def _densities(values: Sequence[float]) -> str:
    return " ".join(f"{value:.2f}" for value in values)


def _histograms(seen: Sequence[ImageObservation], reference: Reference | None) -> str:
    """Return the distributions over images or cells."""
    nuclei = [nucleus for each in seen for nucleus in each.nuclei]
    if not nuclei:
        return ""
    densities = np.array([density for each in seen for density in each.densities])
    backgrounds = np.array([each.gauge.background for each in seen], dtype=np.float64)
    of = reference
    charts = [
        _chart("Nucleus, pixels", [np.array(nuclei)], ["#444"], () if of is None else (of.nucleus,)),
        _chart("Background, 0 to 255", list(backgrounds.T), _COLORS, () if of is None else of.background),
        _chart("Optical density of nuclei", list(densities.T), _COLORS, () if of is None else of.density),
    ]
    note = "" if reference is None else " A dashed line is the median of the training images."
    return (
        f"<h2>Distributions</h2><p>Red, green and blue are the channels of the image.{note}</p>"
        f'<div class="charts">{"".join(charts)}</div>'
    )


def _chart(title: str, series: Sequence[NDArray[np.float64]], colors: Sequence[str], marks: Sequence[float]) -> str:
    """Return a histogram with one outline per series, and a dashed line at the mark of each, if there are marks."""
    values = np.concatenate([*series, np.array(marks, dtype=np.float64)])
    low, high = float(values.min()), float(values.max())
    margin = max(1e-6, high - low) * 0.04
    low, high = low - margin, high + margin
    counts = [np.histogram(values, BINS, (low, high))[0] for values in series]
    most = max(int(count.max()) for count in counts)
    width, height, base = 300.0, 120.0, 130.0

    def x(value: float) -> float:
        return (value - low) / (high - low) * width

    shapes = []
    for count, color, mark in zip_longest(counts, colors[: len(counts)], marks):
        points = [f"0,{base}"]
        for bin_, number in enumerate(count):
            top = base - height * number / most
            points += [f"{bin_ * width / BINS:.1f},{top:.1f}", f"{(bin_ + 1) * width / BINS:.1f},{top:.1f}"]
        points.append(f"{width},{base}")
        shapes.append(f'<polygon points="{" ".join(points)}" fill="{color}" fill-opacity=".18" stroke="{color}"/>')
        if mark is not None:
            at = f'x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="5" y2="{base}"'
            shapes.append(f'<line {at} stroke="{color}" stroke-dasharray="4 3"/>')
    digits = 0 if high - low > 10 else 1
    ends = (
        f'<text x="0" y="147">{low + margin:.{digits}f}</text>'
        f'<text x="{width}" y="147" text-anchor="end">{high - margin:.{digits}f}</text>'
    )
    svg = f'<svg viewBox="-2 0 304 152" role="img" aria-label="{html.escape(title)}">{"".join(shapes)}{ends}</svg>'
    return f"<figure>{svg}<figcaption>{html.escape(title)}</figcaption></figure>"


def _images(title: str, images: Sequence[Image]) -> str:
    shown = "".join(f'<img src="{_data(image)}" alt="">' for image in images)
    return f'<h2>{title}</h2><p>Each box is a white cell.</p><div class="images">{shown}</div>'


def _pairs(pairs: Sequence[tuple[Image, Image]], bundle: str) -> str:
    shown = "".join(
        f'<figure><img src="{_data(before)}" alt="before"><img src="{_data(after)}" alt="after">'
        "<figcaption>before, after</figcaption></figure>"
        for before, after in pairs
    )
    return (
        f"<h2>Cells before and after</h2><p>Left: as this microscope shows them. Right: as {html.escape(bundle)} sees "
        f'them, in the scale and the colors of its training images.</p><div class="pairs">{shown}</div>'
    )


def _boxed(image: Image, boxes: Sequence[Box]) -> Image:
    """Return an image reduced to `SIDE`, with boxes drawn into it."""
    factor = SIDE / max(image.shape[:2])
    size = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    for left, top, width, height in boxes:
        corners = [round(value * factor) for value in (left, top, left + width, top + height)]
        cv2.rectangle(small, (corners[0], corners[1]), (corners[2], corners[3]), _BOX, 1)
    return small


def _data(image: Image) -> str:
    return "data:image/png;base64," + base64.b64encode(encode(image, ".png")).decode()


_PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Microscope profile: $name</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; }
body { margin: 0 auto; padding: 1.2rem; max-width: 62rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 1.8rem 0 .3rem; }
p { margin: .3rem 0; max-width: 44rem; }
.problem { border-left: 4px solid #b3261e; background: #fbeceb; padding: .4rem .7rem; margin: .6rem 0; }
.remark { border-left: 4px solid #8a6d00; background: #fdf6dd; padding: .4rem .7rem; margin: .6rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0; }
th, td { text-align: left; font-weight: normal; padding: .3rem 1rem .3rem 0; white-space: nowrap; }
th, td { border-bottom: 1px solid #ddd; }
tr:first-child th { color: #666; }
tr th:first-child { white-space: normal; min-width: 11rem; }
.swatch { display: inline-block; width: 1.1em; height: 1.1em; border: 1px solid #999; }
.swatch { vertical-align: -.2em; margin-right: .4em; }
.charts, .images, .pairs { display: flex; flex-wrap: wrap; gap: 1rem; margin: .6rem 0; }
.charts figure { flex: 1 1 260px; max-width: 320px; }
figure { margin: 0; }
figcaption { font-size: .85rem; color: #555; }
svg { width: 100%; height: auto; }
svg text { font-size: 12px; fill: #555; }
.images img { box-sizing: border-box; }
.images img { width: 220px; max-width: calc(50% - .6rem); height: auto; align-self: start; border: 1px solid #ccc; }
.pairs img { width: 96px; image-rendering: auto; border: 1px solid #ccc; margin-right: 2px; }
footer { color: #666; font-size: .8rem; margin-top: 2rem; overflow-wrap: anywhere; }
@media (max-width: 58rem) {
  th, td { white-space: normal; padding-right: .6rem; }
  tr th:first-child { min-width: 6rem; }
}
@media print { body { padding: 0; } figure { break-inside: avoid; } }
</style>
</head>
<body>
<h1>Microscope profile: $name</h1>
<p>$summary</p>
$problems
$facts
$histograms
$seen
$pairs
<footer>SHA-256 of the profile: $sha256</footer>
</body>
</html>
"""
)
