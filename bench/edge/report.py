"""What `bench --suite edge` found: every point as a table, and the front as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import Look, drawn, front, legend, mark
from edgewbc.utils import text as words
from edgewbc.utils.text import figure, interval, percent

CAPTION = "Validation accuracy of every network that was tried, over its speed and over its size; the line is the front"

HEADER = (
    "network", "input", "MACs kept", "million MACs", "parameters", "MB", "validation, f32", "validation, int8",
    "95 % interval", "of VGG16-GAP's speed at 224, f32", "minutes",
)  # fmt: skip

LOOKS: dict[str, Look] = {
    "vgg16gap": ("s", "#D55E00", "VGG16-GAP"),
    "lite0": ("^", "#009E73", "EfficientNet-Lite0"),
    "edgenet": ("o", "#0072B2", "edgenet"),
}
"""Marker, colour and legend of each family: told apart in black and white too."""


def markdown(results: Mapping[str, Any]) -> str:
    """For the README."""
    rule = ["---", *["---:"] * (len(HEADER) - 1)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in (HEADER, rule, *rows(results)))
    return f"{table}\n\n{said(results)}"


def text(results: Mapping[str, Any]) -> str:
    """For a terminal."""
    return f"{words.table(list(HEADER), rows(results))}\n{said(results)}"


def rows(results: Mapping[str, Any]) -> list[list[str]]:
    """A line for each point, those with the fewest multiply-adds first; below a pruned one its twin from random
    weights."""
    found = []
    for key, point in sorted(results["points"].items(), key=lambda item: (item[1]["family"], item[1]["macs"])):
        found.append(_line(key in results["chosen"].values(), point, point, timed(results, key)))
        if "scratch" in point:
            found.append(
                _line(False, point, point["scratch"], None, "the same shape, not pruned but from random weights")
            )
    return found


def _line(
    chosen: bool, point: Mapping[str, Any], result: Mapping[str, Any], row: Mapping[str, Any] | None,
    name: str | None = None,
) -> list[str]:  # fmt: skip
    f32, int8 = result["validation"]["f32"], result["validation"]["int8"]
    name = name or LOOKS[point["family"]][2]
    return [
        f"{name} (chosen)" if chosen else name,
        f"{point['size']}",
        percent(point["keep"], 0),
        f"{result['macs'] / 1e6:,.1f}",
        f"{result['parameters']:,}",
        "-" if row is None else figure(row["size_mb"]),
        percent(f32["accuracy"]),
        f"{percent(int8['accuracy'])} ({int8['correct']} of {int8['n']})",
        interval(int8["interval"]),
        "-" if row is None else f"{row['speedup']:,.0f}x",
        f"{result['minutes']:.0f}",
    ]


def timed(results: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """The row of a point's int8 file in the bench; None if it was not timed, or could not be."""
    measured = results.get("bench", {"rows": []})["rows"]
    return next(
        (row for row in measured if row["model"] == key and row["precision"] == "int8" and row["images_per_s"]), None
    )


def said(results: Mapping[str, Any]) -> str:
    """What the figures are of."""
    reference = results["reference"]
    return (
        f"Protocol {results['protocol']}, validation; the test split was not read. The unpruned VGG16-GAP answers "
        f"{reference['correct']} of {reference['n']} there ({percent(reference['accuracy'])}); a point holds if its "
        f"int8 file has at least {percent(results['bar'])}. Speeds are OpenVINO's on one machine in one bench, as "
        "ratios to VGG16-GAP in f32 at 224 x 224; int8 that is safe for CPUs without VNNI."
    )


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the figure (SVG or PNG, by the suffix): validation accuracy of the int8 files over speed and over MB.

    Raises:
        UserError: matplotlib is not installed.
    """
    measured = [(point, row) for key, point in results["points"].items() if (row := timed(results, key))]
    with drawn(path, 9.2, 3.8, "the figure of the edge suite") as figure:
        panels = figure.subplots(1, 2, sharey=True)
        _panel(panels[0], [(point, row["speedup"]) for point, row in measured], faster=True)
        panels[0].set_xlabel("images a second, times those of VGG16-GAP f32 at 224 x 224")
        panels[0].set_ylabel("validation accuracy in int8, %")
        _panel(panels[1], [(point, row["size_mb"]) for point, row in measured], faster=False)
        panels[1].set_xlabel("MB of the int8 file")
        for axes in panels:
            axes.axhline(100 * results["bar"], color="0.5", linewidth=1, linestyle=":")
        legend(figure, panels[0])


def _panel(axes: Any, measured: Sequence[tuple[Mapping[str, Any], float]], *, faster: bool) -> None:
    """One panel: a mark and an interval for each point, its input size beside it, and the front as stairs."""
    seen: set[str] = set()
    for point, x in measured:
        told = point["validation"]["int8"]
        mark(axes, LOOKS[point["family"]], x, told["accuracy"], told["interval"], f"{point['size']}", seen)
    front(axes, [(x, point["validation"]["int8"]["accuracy"]) for point, x in measured], faster=faster)
