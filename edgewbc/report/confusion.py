"""The confusion matrix of an evaluation as a PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from edgewbc.evaluation.result import EvalResult
from edgewbc.report import style
from edgewbc.report.style import MUTED
from edgewbc.utils.text import interval, percent

CELL: Final = 76.0  # side of a cell, in pixels


def draw(result: EvalResult, path: Path) -> None:
    """Write the confusion matrix of an evaluation as PNG: counts, and percent of the row (the true class).

    The shade is the square root of the share of the row, so that a confusion of one percent is visible next to a recall
    of 99 %; it has one hue (matplotlib's Blues), so that it reads the same in gray. A cell without images stays empty.

    Args:
        result: of the evaluation.
        path: of the image.

    Raises:
        UserError: matplotlib is not installed.
    """
    title = (
        f"accuracy {percent(result.accuracy)} ({interval(result.interval)}), {result.correct} of {result.n}\n"
        f"{result.source} {result.protocol} {result.split}, {result.precision} {result.backend}"
    )
    hashes = f"model {result.model_sha256[:12]}, manifest {result.manifest_sha256[:12]}"
    draw_counts(result.confusion, result.classes, path, title, hashes)


def draw_counts(
    confusion: Sequence[Sequence[int]], classes: Sequence[str], path: Path, title: str, foot: str = ""
) -> None:
    """Write a confusion matrix as `draw` does.

    Args:
        confusion: counts; rows are the true classes, columns the predicted ones.
        classes: names.
        path: of the image.
        title: above it; may have several lines.
        foot: below it, in small type.

    Raises:
        UserError: matplotlib is not installed.
    """
    names = list(classes)
    counts = np.array(confusion, dtype=np.int64)
    rows = counts.sum(1, keepdims=True)
    shares = np.divide(counts, rows, out=np.zeros(counts.shape), where=rows > 0)
    size = len(names)
    with style.saved(path, CELL * size + 160, CELL * size + 140, "an image of the confusion matrix") as figure:
        from matplotlib import colormaps
        from matplotlib.colors import PowerNorm

        figure.set_layout_engine("constrained")
        axes = figure.add_subplot()
        shade, scale = colormaps["Blues"], PowerNorm(0.5, vmin=0, vmax=1.1)
        axes.imshow(shares, cmap=shade, norm=scale)
        for row, column in np.argwhere(counts > 0).tolist():
            color = _ink(shade(float(scale(shares[row, column]))))
            text = f"{100 * shares[row, column]:.1f} %"
            axes.text(column, row - 0.1, str(counts[row, column]), ha="center", va="center", fontsize=14, color=color)
            axes.text(column, row + 0.17, text, ha="center", va="center", fontsize=10, color=color)
        axes.set_xticks(range(size), names, rotation=30 if size > 3 else 0, ha="right" if size > 3 else "center")
        axes.set_yticks(range(size), [f"{name}\nn = {n}" for name, n in zip(names, rows.ravel(), strict=True)])
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#bbbbbb", linewidth=1)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        figure.suptitle(title, fontsize=11)
        if foot:
            figure.supxlabel(foot, fontsize=8, color=MUTED)


def _ink(paper: tuple[float, ...]) -> str:
    """Return black or white, whichever has more contrast to a color (relative luminance as in WCAG 2)."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in paper[:3]]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return "black" if luminance > 0.179 else "white"
