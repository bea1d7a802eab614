"""Mean recall in-domain, and on each external set over the number of labeled cells per class, as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import Look, label_axes
from bench.travel.report import MODES, shots
from edgewbc.report import style
from edgewbc.report.style import INK, MUTED, SIZE

WIDTH = 480
"""Width in CSS pixels: narrow, so that the text can still be read where a phone scales the figure down."""
PANEL = 236

COLORS = {"plain": style.GRAY, "canonical": style.VERMILION, "trained": style.BLUE}
DASHES = {"plain": (0, (1, 1.6)), "canonical": (0, (5, 2)), "trained": "-"}
MARKERS = ("o", "s", "^", "D", "v", "P")
"""Markers of the bundles, in their order; color and dashes are by crop, so that lines differ in black and white too."""
TITLES = {"jtsc": "JTSC: another laboratory, stain and camera", "bccd": "BCCD: fields of another laboratory"}


def drawable(results: Mapping[str, Any]) -> bool:
    """Return whether there is a part on an external set, and one in-domain."""
    in_domain = {part["home"] for part in results["parts"].values()}
    return in_domain == {True, False}


def looks(results: Mapping[str, Any]) -> dict[str, Look]:
    """Return how each bundle and crop is drawn, by `bundle/mode`."""
    bundles = list(dict.fromkeys(part["bundle"] for part in results["parts"].values()))
    return {
        f"{part['bundle']}/{part['mode']}": Look(
            MARKERS[bundles.index(part["bundle"]) % len(MARKERS)],
            COLORS[part["mode"]],
            f"{part['bundle']}, {MODES[part['mode']]}",
        )
        for part in results["parts"].values()
    }


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the figure (SVG or PNG, by the suffix).

    Args:
        results: of `python -m bench.travel`, for which `drawable` is true.
        path: of the figure.

    Raises:
        UserError: matplotlib is not installed.
    """
    kinds = looks(results)
    parts = results["parts"].values()
    sets = list(dict.fromkeys(part["set"] for part in parts if not part["home"]))
    numbers = [0, *shots(results)]
    head = 14 + 17 * len(kinds)
    with style.saved(path, WIDTH, head + PANEL * len(sets), "the figure of the travel study") as figure:
        for place, name in enumerate(sets):
            top = head + PANEL * place
            below = PANEL * (len(sets) - place - 1)
            (axes,) = style.axes(figure, 46, 14, top + 26, below + 44)
            _panel(axes, results, name, kinds, numbers)
            axes.set_title(TITLES.get(name, name), loc="left", fontsize=SIZE, color=INK, pad=8)
        _legend(figure, results, kinds)


def _panel(axes: Any, results: Mapping[str, Any], name: str, kinds: Mapping[str, Look], numbers: Sequence[int]) -> None:
    places = {number: index + 1.35 for index, number in enumerate(numbers)}
    for index, (key, look) in enumerate(kinds.items()):
        away = 0.07 * (index - (len(kinds) - 1) / 2)
        own = next((p for p in results["parts"].values() if p["home"] and _key(p) == key), None)
        part = results["parts"].get(f"{key}/{name}")
        if own is not None:
            zero = own["zero_shot"]
            _mark(axes, look, away, zero["macro"], zero["macro_interval"])
        if part is None:
            continue
        points = [(places[0] + away, part["zero_shot"]["macro"], part["zero_shot"]["macro_interval"])]
        for number in numbers[1:]:
            if (found := part["few_shots"].get(str(number))) is not None:
                mean, deviation = found["macro"]["mean"], found["macro"]["deviation"]
                points.append((places[number] + away, mean, (mean - deviation, min(1.0, mean + deviation))))
        xs, ys = [x for x, _, _ in points], [100 * y for _, y, _ in points]
        axes.plot(xs, ys, color=look.color, linewidth=1.5, linestyle=DASHES[part["mode"]], zorder=2)
        for x, y, bounds in points:
            _mark(axes, look, x, y, bounds)
    axes.axvline(0.68, color=MUTED, linewidth=1)
    axes.set_xlim(-0.4, max(places.values()) + 0.35)
    axes.set_ylim(0, 103)
    axes.set_xticks([0, *places.values()], ["in-domain", *map(str, numbers)])
    axes.set_yticks(range(0, 101, 20))
    axes.grid(visible=False, axis="x")
    label_axes(axes, "labeled cells per class of the other laboratory", "mean recall, %")


def _mark(axes: Any, look: Look, x: float, value: float, bounds: Sequence[float]) -> None:
    axes.plot([x, x], [100 * bound for bound in bounds], color=look.color, linewidth=1.1, zorder=2)
    axes.plot(x, 100 * value, look.marker, color=look.color, markersize=5.5, zorder=3, markeredgecolor=INK,
              markeredgewidth=0.5)  # fmt: skip


def _legend(figure: Any, results: Mapping[str, Any], kinds: Mapping[str, Look]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=look.color,
            marker=look.marker,
            markersize=5.5,
            linewidth=1.5,
            label=look.legend,
            linestyle=DASHES[key.rsplit("/", 1)[1]],
            markeredgecolor=INK,
            markeredgewidth=0.5,
        )  # fmt: skip
        for key, look in kinds.items()
    ]
    figure.legend(
        handles=handles, loc="upper left", ncols=1, frameon=False, fontsize=SIZE, labelcolor=INK, handlelength=3.2,
        borderaxespad=0.3, labelspacing=0.25,
    )  # fmt: skip


def _key(part: Mapping[str, Any]) -> str:
    return f"{part['bundle']}/{part['mode']}"
