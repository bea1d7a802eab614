"""Charts with two axes, as inline SVG: accuracy over speed, and accuracy over confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import cos, hypot, pi, sin, sqrt
from typing import Final

from edgewbc.report.scale import Scale, linear, logarithmic, plain
from edgewbc.report.strip_charts import fill

WIDE, TALL = 440, 310  # of a chart, in its own units: about a pixel on a phone
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 22, 42  # margins
LARGEST: Final = 22.0  # radius of the largest model's circle
CLOSE: Final = 20.0  # a number farther from its mark has a line to it
SHAPES: Final = {"openvino": "circle", "onnx": "square", "torch": "triangle"}
"""Marks by backend; any other is a diamond."""


@dataclass(frozen=True)
class Point:
    """A row on the front.

    Attributes:
        name: its number in the tables.
        title: in words, with all figures.
        speed: images a second.
        accuracy: 0..1.
        interval: of the accuracy.
        size: MB.
        backend, precision: for shape and fill.
    """

    name: str
    title: str
    speed: float
    accuracy: float
    interval: tuple[float, float]
    size: float
    backend: str
    precision: str


def pareto(points: Sequence[Point]) -> list[Point]:
    """The points that no other one beats in speed and in accuracy (at least as good in both, better in one), slowest
    first. Of several that are equal in both the first is kept."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda one: (-one.speed, -one.accuracy)):
        if not kept or point.accuracy > kept[-1].accuracy:
            kept.append(point)
    return kept[::-1]


def front(points: Sequence[Point], label: str, reference: float | None = None) -> str:
    """Accuracy with its interval over images a second (logarithmic); circles as large as the model; the Pareto front.

    Args:
        points: at least one.
        label: what it shows, in words.
        reference: an accuracy that gets a line, if it is in sight.
    """
    x = logarithmic(min(p.speed for p in points) / 1.12, max(p.speed for p in points) * 1.12)
    y = linear(min(p.interval[0] for p in points), max(p.interval[1] for p in points))
    plot = _Plot(x, y)
    parts = plot.frame("images a second", "accuracy, %", across=100)
    taken = [_around(*plot.at(point), 5, 5) for point in points]  # the marks come first: see _name
    taken += [(plot.x(p.speed) - 3, plot.y(p.interval[1]), plot.x(p.speed) + 3, plot.y(p.interval[0])) for p in points]
    if reference is not None and y.low < reference < y.high:
        at = plot.y(reference)
        parts.append(f'<line class="reference" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        sides = [(x, _around(x, at - 8, 28, 7)) for x in (LEFT + 31, WIDE - RIGHT - 31, (LEFT + WIDE - RIGHT) / 2)]
        middle, place = next((side for side in sides if all(_apart(side[1], other) for other in taken)), sides[0])
        parts.append(f'<text x="{middle:g}" y="{at - 4:.1f}" text-anchor="middle">reference</text>')
        taken.append(place)
    largest = max(p.size for p in points) or 1.0
    for point in sorted(points, key=lambda one: -one.size):
        cx, cy = plot.at(point)
        radius = LARGEST * sqrt(point.size / largest)
        parts.append(f'<circle class="size" cx="{cx:.1f}" cy="{cy:.1f}" r="{radius:.1f}"/>')
    best = pareto(points)
    if len(best) > 1:
        parts.append(f'<path class="front" d="{_stairs([plot.at(point) for point in best])}"/>')
    for point in points:
        parts.append(plot.whiskers(point.speed, point.interval))
    for point in points:
        cx, cy = plot.at(point)
        mark = shape(SHAPES.get(point.backend, "diamond"), cx, cy, point.precision)
        parts.append(
            f"<g><title>{escape(point.title)}</title>{mark}{_name(point.name, cx, cy, taken, len(points))}</g>"
        )
    return plot.svg(parts, label)


def reliability(bins: Sequence[tuple[float, float, tuple[float, float], str]], label: str) -> str:
    """How often the answers are right, over how sure the network was; on the diagonal it is as sure as it should be.

    Args:
        bins: confidence, accuracy, interval of the accuracy, and what is said of the bin, in words.
        label: what it shows, in words.
    """
    whole = linear(0, 1)
    plot = _Plot(whole, whole)
    parts = plot.frame("how sure the network was, %", "right, %", across=100, along=100)
    corners = f'x1="{LEFT}" y1="{plot.y(0):.1f}" x2="{WIDE - RIGHT}" y2="{plot.y(1):.1f}"'
    parts.append(f'<line class="reference" {corners}/>')
    places = " ".join(f"{plot.x(sure):.1f},{plot.y(right):.1f}" for sure, right, *_ in bins)
    parts.append(f'<polyline class="curve" points="{places}"/>')
    for sure, right, bounds, title in bins:
        mark = shape("circle", plot.x(sure), plot.y(right), "int8")
        parts.append(f"<g><title>{escape(title)}</title>{plot.whiskers(sure, bounds)}{mark}</g>")
    return plot.svg(parts, label)


def shape(kind: str, x: float, y: float, precision: str, radius: float = 5.0) -> str:
    """A mark: its shape tells the backend, its fill the precision."""
    css = fill(precision)
    if kind == "circle":
        return f'<circle class="{css}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>'
    corners = {
        "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        "triangle": [(0, -1.15), (1.1, 0.85), (-1.1, 0.85)],
        "diamond": [(0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)],
    }[kind]
    points = " ".join(f"{x + radius * dx:.1f},{y + radius * dy:.1f}" for dx, dy in corners)
    return f'<polygon class="{css}" points="{points}"/>'


@dataclass(frozen=True)
class _Plot:
    """Two axes in the chart's own units."""

    across: Scale
    up: Scale

    def x(self, value: float) -> float:
        return LEFT + self.across(value) * (WIDE - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return TALL - BOTTOM - self.up(value) * (TALL - TOP - BOTTOM)

    def at(self, point: Point) -> tuple[float, float]:
        return self.x(point.speed), self.y(point.accuracy)

    def frame(self, along_name: str, up_name: str, across: float = 1, along: float = 1) -> list[str]:
        """Grid, ticks and the axes' names; `across` and `along` multiply what the ticks of y and of x say."""
        parts = []
        for tick in self.across.ticks:
            x = self.x(tick)
            parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TALL - BOTTOM}"/>')
            name = plain(along * tick)
            parts.append(f'<text x="{x:.1f}" y="{TALL - BOTTOM + 15}" text-anchor="middle">{name}</text>')
        for tick in self.up.ticks:
            y = self.y(tick)
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{plain(across * tick)}</text>')
        middle = TOP + (TALL - TOP - BOTTOM) / 2
        parts.append(f'<text x="{(LEFT + WIDE - RIGHT) / 2:g}" y="{TALL - 6}" text-anchor="middle">{along_name}</text>')
        turned = f'transform="rotate(-90 12 {middle:g})" text-anchor="middle"'
        return [*parts, f'<text x="12" y="{middle:g}" {turned}>{up_name}</text>']

    def whiskers(self, value: float, bounds: tuple[float, float]) -> str:
        """A vertical line over an interval, with caps."""
        x, low, high = self.x(value), self.y(bounds[0]), self.y(bounds[1])
        caps = "".join(f"M{x - 4:.1f} {end:.1f}h8" for end in (low, high))
        return f'<path class="thin" d="M{x:.1f} {low:.1f}V{high:.1f}{caps}"/>'

    def svg(self, parts: Sequence[str], label: str) -> str:
        return (
            f'<svg class="plot" viewBox="0 0 {WIDE} {TALL}" role="img" aria-label="{escape(label)}">'
            f"<title>{escape(label)}</title>{''.join(parts)}</svg>"
        )


_Box = tuple[float, float, float, float]


def _stairs(places: Sequence[tuple[float, float]]) -> str:
    """From the slowest to the fastest: what lies below or left of the line is beaten by one of them."""
    (x, y), *rest = places
    return f"M{x:.1f} {y:.1f}" + "".join(f"V{b:.1f}H{a:.1f}" for a, b in rest)


def _around(x: float, y: float, half_width: float, half_height: float) -> _Box:
    return x - half_width, y - half_height, x + half_width, y + half_height


def _apart(a: _Box, b: _Box) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def _name(name: str, x: float, y: float, taken: list[_Box], marks: int) -> str:
    """A mark's number where it covers no mark and no other number, with a line to the mark where it stands apart.

    Near a mark it stands without a line, and then no other mark may be nearer to it. `taken`, of which the first
    `marks` are the marks, gets the number's place. Where all places are taken the last one has to do.
    """
    others = [((a + c) / 2, (b + d) / 2) for a, b, c, d in taken[:marks]]
    half = 3.6 * len(name) + 1
    box, place = taken[0], (x, y)
    for distance in (14, 20, 28, 37, 47, 59):
        for turn in (-1, -3, 1, 3, -2, 2, 0, 4):
            place = x + distance * cos(turn * pi / 4), y + distance * sin(turn * pi / 4)
            box = _around(*place, half, 6)
            inside = box[0] >= LEFT and box[2] <= WIDE - RIGHT and box[1] >= TOP - 8 and box[3] <= TALL - BOTTOM
            nearest = min(hypot(place[0] - a, place[1] - b) for a, b in others)
            told = distance > CLOSE or nearest > 0.99 * distance
            if inside and told and all(_apart(box, other) for other in taken):
                break
        else:
            continue
        break
    taken.append(box)
    lead = ""
    if distance > CLOSE:
        near = (x + (place[0] - x) * 6 / distance, y + (place[1] - y) * 6 / distance)
        far = (x + (place[0] - x) * (1 - 8 / distance), y + (place[1] - y) * (1 - 8 / distance))
        lead = f'<path class="lead" d="M{near[0]:.1f} {near[1]:.1f}L{far[0]:.1f} {far[1]:.1f}"/>'
    return (
        f'{lead}<text class="name" x="{place[0]:.1f}" y="{place[1] + 4:.1f}" text-anchor="middle">{escape(name)}</text>'
    )
