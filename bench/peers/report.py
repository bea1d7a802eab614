"""Results of the comparison with other toolkits (`bench/peers/run.py`) as tables and a figure."""

from __future__ import annotations

from pathlib import Path

from bench.figures import Look, Mark, label_axes, legend, panel
from bench.peers.result import Measured, PeersResult, SameNetwork
from edgewbc.report import style
from edgewbc.utils.text import figure, interval, markdown, percent

CAPTION = (
    "Test accuracy over throughput, all measured in one run. Filled marks are int8, the labels are input sizes in "
    "pixels; the dashed line is the Pareto front"
)

HEADER = (
    "toolkit", "network", "input", "backend", "precision", "img/s", "ratio to ours", "p50 ms", "MB", "correct",
    "accuracy", "95 % interval", "p (McNemar)", "minutes of training",
)  # fmt: skip

SAME = ("toolkit", "network", "run as", "compared with ours in", "largest difference of a probability", "same class")

LOOKS = {
    "edgenet": Look("o", style.BLUE, "edgewbc: edgenet"),
    "efficientnet-lite0": Look("v", style.SKY, "edgewbc: EfficientNet-Lite0"),
    "vgg16gap": Look("P", "#0b3c5d", "edgewbc: VGG16-GAP"),
    "ultralytics": Look("^", style.VERMILION, "Ultralytics"),
    "timm": Look("s", style.GREEN, "timm, ONNX Runtime"),
    "torch": Look("D", style.PURPLE, "PyTorch"),
    "modelapi": Look("X", style.MUTED, "Model API"),
}
"""How each row is drawn: by architecture for the toolkit's own networks, else by peer."""


def table(result: PeersResult) -> str:
    """Return a row for each network that was measured, and a sentence for each that was not, in Markdown."""
    done = result.measured
    lines = [markdown(HEADER, [_line(row) for row in done], numbers=range(5, len(HEADER)))]
    lines += _refused(result)
    lines.append(
        f"One run on {result.cpu}, {result.cores} cores, {result.rounds} interleaved rounds of "
        f"{result.seconds:g} s. On {result.source}, protocol `{result.protocol}`, {result.split}, n = {result.n}. "
        f"Ours is {done[0].model}; ratio and McNemar's test are to it. Only the network is timed. The toolkit's int8 "
        "is NNCF's, that of the others their own. Versions and hashes are in the JSON."
    )
    same = [_same(row, row.same_network) for row in done if not row.ours and row.same_network is not None]
    if same:
        lines += [
            "Peers that run the weights of one of our rows, and how far their predictions differ from it:",
            markdown(SAME, same, (4, 5)),
        ]
    return "\n\n".join(lines)


def _refused(result: PeersResult) -> list[str]:
    """Return a sentence for each network that was not measured, its precisions together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in result.unmeasured:
        found.setdefault((row.peer, row.model, row.error), []).append(row.precision)
    return [
        f"Not measured: {peer}, {model}, {' and '.join(precisions)}: {error}."
        for (peer, model, error), precisions in found.items()
    ]


def _line(row: Measured) -> list[str]:
    return [
        row.peer,
        row.model,
        _side(row),
        row.backend,
        row.precision,
        figure(row.images_per_s) + ("!" if row.unsteady else ""),
        "1" if row.speed is None else f"{row.speed:.3g}",
        figure(row.p50_ms),
        figure(row.size_mb),
        f"{row.correct} of {row.n}",
        percent(row.accuracy),
        interval(row.interval),
        "-" if row.mcnemar_p is None else f"{row.mcnemar_p:.2g}",
        "-" if row.minutes is None else f"{row.minutes:.0f}",
    ]


def _same(row: Measured, same: SameNetwork) -> list[str]:
    return [
        row.peer,
        row.model,
        f"{row.backend} {row.precision}, {_side(row)}",
        f"{same.backend} {same.precision}",
        f"{same.largest_difference:.1e}",
        percent(same.agreement),
    ]


def _side(row: Measured) -> str:
    return " x ".join(str(side) for side in row.input) if row.input else "-"


def draw(result: PeersResult, path: Path) -> None:
    """Write the figure (SVG or PNG, by the suffix): test accuracy over throughput, filled marks for int8.

    Raises:
        UserError: matplotlib is not installed.
    """
    marks = [
        Mark(
            _look(row), row.images_per_s, row.accuracy, row.interval,
            f"{row.input[0]}" if row.input else "", filled=row.precision == "int8",
        )
        for row in result.measured
    ]  # fmt: skip
    with style.saved(path, 820, 500, "the figure of the comparison with other toolkits") as drawn:
        (axes,) = style.axes(drawn, 58, 14, 62, 48)
        panel(axes, marks)
        label_axes(axes, "images per second", "test accuracy, %")
        legend(drawn, [mark.look for mark in marks], [("Pareto front", "--")])


def _look(row: Measured) -> Look:
    return LOOKS.get((row.arch or "") if row.ours else row.peer, Look("*", style.GRAY, row.peer))
