"""What `bench/peers/run.py` found: the toolkit's rows and those of what one would take instead, as table and figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.figures import Look, drawn, front, legend, mark
from edgewbc.utils.text import figure, interval, markdown, percent

CAPTION = "Test accuracy over images a second, all measured in one run; the line is the front"

HEADER = (
    "toolkit", "network", "input", "backend", "precision", "img/s", "of ours", "p50 ms", "MB", "correct", "accuracy",
    "95 % interval", "p (McNemar)", "minutes of training",
)  # fmt: skip

SAME = ("toolkit", "network", "as it runs it", "against ours in", "largest difference in probability", "same class")

LOOKS: dict[str, Look] = {
    "edgenet": ("o", "#0072B2", "edgewbc: edgenet"),
    "efficientnet-lite0": ("v", "#56B4E9", "edgewbc: EfficientNet-Lite0"),
    "vgg16gap": ("P", "#0b3c5d", "edgewbc: VGG16-GAP"),
    "ultralytics": ("^", "#D55E00", "Ultralytics"),
    "timm": ("s", "#009E73", "timm, ONNX Runtime"),
    "torch": ("D", "#CC79A7", "PyTorch"),
    "modelapi": ("x", "0.3", "Model API"),
}
"""Marker, colour and legend, by the architecture of a network of the toolkit's or else by the peer: told apart in black
and white too."""


def table(results: Mapping[str, Any]) -> str:
    """For the README: a row for each that was measured, and a sentence for each that was not."""
    done = _done(results)
    first = done[0]
    machine, data, how = results["machine"], results["data"], results["protocol"]
    lines = [markdown(HEADER, [_line(row) for row in done], numbers=range(5, len(HEADER)))]
    lines += _refused(results)
    lines.append(
        f"One run on {machine['cpu']}, {machine['cores']} cores, {how['rounds']} rounds of {how['seconds']:g} s in "
        f"turns. On {data['source']}, protocol `{data['protocol']}`, {data['split']}, n = {data['n']}. Ours is "
        f"{first['model']}; ratio and McNemar's test are to it. Timed is the network alone. int8 of the toolkit is "
        "NNCF's, of the others their own; versions and hashes stand in the JSON."
    )
    same = [_same(row) for row in done if not row["ours"] and row.get("same_network")]
    if same:
        lines += [
            "With the same weights as a row of ours, how far the answers are apart:",
            markdown(SAME, same, (4, 5)),
        ]
    return "\n\n".join(lines)


def _refused(results: Mapping[str, Any]) -> list[str]:
    """A sentence for each network that was not measured, its precisions together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in results["rows"]:
        if row.get("error"):
            found.setdefault((row["peer"], row["model"], row["error"]), []).append(row["precision"])
    return [
        f"Not measured: {peer}, {model}, {' and '.join(precisions)}: {error}."
        for (peer, model, error), precisions in found.items()
    ]


def _done(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in results["rows"] if not row.get("error")]


def _line(row: Mapping[str, Any]) -> list[str]:
    speed, mcnemar = row["speed"], row["mcnemar"]
    return [
        row["peer"],
        row["model"],
        _side(row),
        row["backend"],
        row["precision"],
        figure(row["images_per_s"]) + ("!" if "images_per_s" in row.get("unsteady", []) else ""),
        "1" if speed is None else f"{speed['ratio']:.3g}",
        figure(row["latency_ms"]["p50"]),
        figure(row["size_mb"]),
        f"{row['correct']} of {row['n']}",
        percent(row["accuracy"]),
        interval(row["interval"]),
        "-" if mcnemar is None else f"{mcnemar['p']:.2g}",
        "-" if row["minutes"] is None else f"{row['minutes']:.0f}",
    ]


def _same(row: Mapping[str, Any]) -> list[str]:
    beside = row["same_network"]
    against = beside["against"]
    return [
        row["peer"],
        row["model"],
        f"{row['backend']} {row['precision']}, {_side(row)}",
        f"{against['backend']} {against['precision']}",
        f"{beside['largest_difference']:.1e}",
        percent(beside["agreement"]),
    ]


def _side(row: Mapping[str, Any]) -> str:
    return " x ".join(str(side) for side in row["input"]) if row["input"] else "-"


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the figure (SVG or PNG, by the suffix): test accuracy over images a second, filled marks for int8.

    Raises:
        UserError: matplotlib is not installed.
    """
    done = _done(results)
    with drawn(path, 8.0, 4.2, "the figure of the peers") as picture:
        axes = picture.subplots()
        seen: set[str] = set()
        for row in done:
            key = row["arch"] if row["ours"] else row["peer"]
            mark(
                axes, LOOKS.get(key, ("*", "0.3", row["peer"])), row["images_per_s"], row["accuracy"], row["interval"],
                f"{row['input'][0]}", seen, filled=row["precision"] == "int8",
            )  # fmt: skip
        front(axes, [(row["images_per_s"], row["accuracy"]) for row in done])
        axes.set_xlabel("images a second (filled: int8; the number is the input's side in pixels)")
        axes.set_ylabel("test accuracy, %")
        legend(picture, axes)
