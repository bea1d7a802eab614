"""Results of the edge search: every network that was tried as a table, and the Pareto front as a figure."""

from __future__ import annotations

from pathlib import Path

from bench.edge.result import EdgeResult, Timed, Trained, TriedNetwork
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


def markdown(result: EdgeResult) -> str:
    """Return the table in Markdown, and what it shows."""
    rule = ["---", *["---:"] * (len(HEADER) - 1)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in (HEADER, rule, *rows(result)))
    return f"{table}\n\n{summary(result)}"


def text(result: EdgeResult) -> str:
    """Return the table as plain text, and what it shows."""
    return f"{words.table(list(HEADER), rows(result))}\n{summary(result)}"


def rows(result: EdgeResult) -> list[list[str]]:
    """Return a line for each network, by family and multiply-adds.

    A pruned network is followed by one of the same shape that was trained from random weights, where there is one.
    """
    found = []
    for one in sorted(result.networks.values(), key=lambda one: (one.family, one.trained.macs)):
        name = LOOKS[one.family].legend
        found.append(_line(f"{name} (chosen)" if one.chosen else name, one, one.trained, one.timed))
        if one.scratch is not None:
            found.append(_line("same shape, trained from random weights", one, one.scratch, None))
    return found


def _line(name: str, one: TriedNetwork, trained: Trained, timed: Timed | None) -> list[str]:
    return [
        name,
        f"{one.size}",
        percent(one.keep, 0),
        f"{trained.macs / 1e6:,.1f}",
        f"{trained.parameters:,}",
        "-" if timed is None else figure(timed.size_mb),
        percent(trained.f32.accuracy),
        f"{percent(trained.int8.accuracy)} ({trained.int8.correct} of {trained.int8.n})",
        interval(trained.int8.interval),
        "-" if timed is None else f"{timed.speedup:,.0f}x",
        f"{trained.minutes:.0f}",
    ]


def summary(result: EdgeResult) -> str:
    """Return what the figures are of."""
    reference = result.reference
    return (
        f"Protocol `{result.protocol}`, validation split; the test split was not read. The unpruned VGG16-GAP is "
        f"correct on {reference.correct} of {reference.n} images ({percent(reference.accuracy)}); a network "
        f"passes if its int8 file reaches {percent(result.bar)}. Throughput is OpenVINO's, measured in one run on "
        "one machine, as a ratio to VGG16-GAP in f32 at 224 x 224. int8 is safe for CPUs without VNNI."
    )


def draw(result: EdgeResult, path: Path) -> None:
    """Write the figure (SVG or PNG, by the suffix): validation accuracy of the int8 files over throughput and size.

    Raises:
        UserError: matplotlib is not installed.
    """
    measured = [(one, one.timed) for one in result.networks.values() if one.timed is not None]
    with style.saved(path, 920, 420, "the figure of the edge search") as drawn:
        left, right = style.axes(drawn, 58, 14, 44, 48, columns=2)
        panel(left, [_mark(one, timed.speedup) for one, timed in measured])
        label_axes(left, "throughput over VGG16-GAP f32 at 224 x 224", "validation accuracy in int8, %")
        panel(right, [_mark(one, timed.size_mb) for one, timed in measured], faster=False)
        label_axes(right, "size of the int8 file, MB")
        for axes in (left, right):
            threshold(axes, result.bar)
        lines = [("Pareto front", "--"), (f"threshold, {percent(result.bar)}", ":")]
        legend(drawn, (LOOKS[one.family] for one, _ in measured), lines, columns=5)


def _mark(one: TriedNetwork, x: float) -> Mark:
    found = one.trained.int8
    return Mark(LOOKS[one.family], x, found.accuracy or 0.0, found.interval or (0.0, 1.0), f"{one.size}")
