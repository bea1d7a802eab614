"""How much of an accuracy is leak: the same network and pictures under two splits, by class, as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.figures import drawn

SHOWN = "gap"
"""The row of the suite that is drawn."""

LOOKS = {
    "poster": ("o", "#D55E00", "random over pictures (poster)"),
    "grouped": ("s", "#0072B2", "whole originals (grouped)"),
}
"""Marker, colour and legend of each protocol: told apart in black and white too."""


def drawable(results: Mapping[str, Any]) -> bool:
    """Whether the row is there under both protocols."""
    return all(f"{SHOWN}-{protocol}-s0" in results["parts"] for protocol in LOOKS)


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the figure (SVG or PNG, by the suffix): recall of each class and accuracy, with 95 % intervals.

    Args:
        results: of `bench --suite poster`; it must be `drawable`.

    Raises:
        UserError: matplotlib is not installed.
    """
    tests = {protocol: results["parts"][f"{SHOWN}-{protocol}-s0"]["test"]["f32"] for protocol in LOOKS}
    classes = list(tests["poster"]["classes"])
    with drawn(path, 7.2, 3.4, "the figure of the poster's suite") as figure:
        axes = figure.add_subplot()
        for place, (protocol, tested) in enumerate(tests.items()):
            marker, colour, legend = LOOKS[protocol]
            values = [(tested["accuracy"], tested["clustered_interval"])]
            values += [
                (tested["per_class"][c]["recall"], tested["per_class"][c]["clustered_interval"]) for c in classes
            ]
            for row, (value, found) in enumerate(values):
                reach = found or [value, value]  # a single original has no interval
                y = row + (place - 0.5) * 0.3
                axes.plot([100 * v for v in reach], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
                axes.plot(
                    100 * value,
                    y,
                    marker,
                    color=colour,
                    markersize=6,
                    linestyle="none",
                    label=legend if row == 0 else None,
                )
                inside = reach[0] > 0.12
                axes.annotate(
                    f"{100 * value:.1f}", (100 * (reach[0] if inside else reach[1]), y), va="center",
                    ha="right" if inside else "left", xytext=(-5 if inside else 5, 0), textcoords="offset points",
                    fontsize=9,
                )  # fmt: skip
        labels = ["all"]
        for name in classes:
            counts = [tests[protocol]["per_class"][name]["originals"] for protocol in ("poster", "grouped")]
            labels.append(f"{name}\n({counts[0]} and {counts[1]} originals)")
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.set_xlim(0, 102)
        axes.set_xlabel("right answers on the test pictures, %, with 95 % intervals over originals")
        axes.grid(axis="x", color="0.88")
        axes.set_axisbelow(True)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.tick_params(axis="y", length=0)
        figure.legend(loc="outside upper left", ncols=2, frameon=False, handletextpad=0.2)
