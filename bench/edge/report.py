"""Results of the edge search: every network that was tried as a table, and the Pareto front as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.figures import Look, Mark, label_axes, legend, panel, threshold
from edgewbc.report import style
from edgewbc.utils import text as words
from edgewbc.utils.text import figure, interval, percent

CAPTION = (
    "Validation accuracy of every network that was tried, over its throughput and over its size. The labels are input "
    "sizes in pixels; the dashed line is the Pareto front"
)

HEADER = (
    "network", "input", "MACs kept", "million MACs", "parameters", "MB", "validation, f32", "validation, int8",
    "95 % interval", "throughput over VGG16-GAP f32 at 224", "minutes",
)  # fmt: skip

LOOKS = {
    "vgg16gap": Look("s", style.VERMILION, "VGG16-GAP"),
    "lite0": Look("^", style.GREEN, "EfficientNet-Lite0"),
    "edgenet": Look("o", style.BLUE, "edgenet"),
}
"""How each family of networks is drawn."""


def markdown(results: Mapping[str, Any]) -> str:
    """Return the table in Markdown, and what it shows."""
    rule = ["---", *["---:"] * (len(HEADER) - 1)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in (HEADER, rule, *rows(results)))
    return f"{table}\n\n{summary(results)}"


def text(results: Mapping[str, Any]) -> str:
    """Return the table as plain text, and what it shows."""
    return f"{words.table(list(HEADER), rows(results))}\n{summary(results)}"


def rows(results: Mapping[str, Any]) -> list[list[str]]:
    """Return a line for each network, by family and multiply-adds.

    A pruned network is followed by one of the same shape that was trained from random weights, where there is one.
    """
    found = []
    for key, point in sorted(results["points"].items(), key=lambda item: (item[1]["family"], item[1]["macs"])):
        found.append(_line(key in results["chosen"].values(), point, point, timed(results, key)))
        if "scratch" in point:
            found.append(_line(False, point, point["scratch"], None, "same shape, trained from random weights"))
    return found


def _line(
    chosen: bool, point: Mapping[str, Any], result: Mapping[str, Any], row: Mapping[str, Any] | None,
    name: str | None = None,
) -> list[str]:  # fmt: skip
    f32, int8 = result["validation"]["f32"], result["validation"]["int8"]
    name = name or LOOKS[point["family"]].legend
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
    """Return the benchmark's row of a network's int8 file; None if it was not timed, or could not be."""
    measured = results.get("bench", {"rows": []})["rows"]
    return next(
        (row for row in measured if row["model"] == key and row["precision"] == "int8" and row["images_per_s"]), None
    )


def summary(results: Mapping[str, Any]) -> str:
    """Return what the figures are of."""
    reference = results["reference"]
    return (
        f"Protocol `{results['protocol']}`, validation split; the test split was not read. The unpruned VGG16-GAP is "
        f"correct on {reference['correct']} of {reference['n']} images ({percent(reference['accuracy'])}); a network "
        f"passes if its int8 file reaches {percent(results['bar'])}. Throughput is OpenVINO's, measured in one run on "
        "one machine, as a ratio to VGG16-GAP in f32 at 224 x 224. int8 is safe for CPUs without VNNI."
    )


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the figure (SVG or PNG, by the suffix): validation accuracy of the int8 files over throughput and size.

    Raises:
        UserError: matplotlib is not installed.
    """
    measured = [(point, row) for key, point in results["points"].items() if (row := timed(results, key))]
    with style.saved(path, 920, 420, "the figure of the edge search") as drawn:
        left, right = style.axes(drawn, 58, 14, 44, 48, columns=2)
        panel(left, [_mark(point, row["speedup"]) for point, row in measured])
        label_axes(left, "throughput over VGG16-GAP f32 at 224 x 224", "validation accuracy in int8, %")
        panel(right, [_mark(point, row["size_mb"]) for point, row in measured], faster=False)
        label_axes(right, "size of the int8 file, MB")
        for axes in (left, right):
            threshold(axes, results["bar"])
        lines = [("Pareto front", "--"), (f"threshold, {percent(results['bar'])}", ":")]
        legend(drawn, (LOOKS[point["family"]] for point, _ in measured), lines, columns=5)


def _mark(point: Mapping[str, Any], x: float) -> Mark:
    found = point["validation"]["int8"]
    low, high = found["interval"]
    return Mark(LOOKS[point["family"]], x, found["accuracy"], (low, high), f"{point['size']}")
