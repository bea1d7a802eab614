"""The confusion matrix as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgewbc.utils.files import atomic_write
from edgewbc.utils.optional import need
from edgewbc.utils.text import interval, percent

CELL = 1.05  # inches


def draw(result: dict[str, Any], path: Path) -> None:
    """Write the confusion matrix of an `evaluate` result as PNG: counts, and percent of the row (the true class).

    The shade is the share of the row, in one hue from light to dark (matplotlib's Blues), so that it reads the same
    for colour-blind readers and in grey. It grows with the square root, so that a confusion of one percent can be seen
    beside a recall of 99. A cell without pictures stays empty; a class without pictures says n = 0.

    Raises:
        UserError: matplotlib is not installed.
    """
    need("matplotlib", "a picture of the confusion matrix")
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    names = list(result["classes"])
    counts = np.array(result["confusion"], dtype=np.int64)
    rows = counts.sum(1, keepdims=True)
    shares = np.divide(counts, rows, out=np.zeros(counts.shape), where=rows > 0)
    size = len(names)

    figure = Figure(figsize=(CELL * size + 2.2, CELL * size + 2.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shade, scale = colormaps["Blues"], PowerNorm(0.5, vmin=0, vmax=1.1)
    axes.imshow(shares, cmap=shade, norm=scale)
    for row in range(size):
        for column in range(size):
            count = int(counts[row, column])
            if not count:
                continue
            colour = _ink(shade(float(scale(shares[row, column]))))
            axes.text(column, row - 0.1, str(count), ha="center", va="center", fontsize=14, color=colour)
            text = f"{100 * shares[row, column]:.1f} %"
            axes.text(column, row + 0.17, text, ha="center", va="center", fontsize=10, color=colour)
    axes.set_xticks(range(size), names, rotation=30 if size > 3 else 0, ha="right" if size > 3 else "center")
    axes.set_yticks(range(size), [f"{name}\nn = {n}" for name, n in zip(names, rows.ravel(), strict=True)])
    axes.set_xlabel("answer")
    axes.set_ylabel("truth")
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#bbbbbb", linewidth=1)
    axes.tick_params(which="both", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    found = f"accuracy {percent(result['accuracy'])} ({interval(result['interval'])})"
    figure.suptitle(
        f"{found}, {result['correct']} of {result['n']}\n"
        f"{result['source']} {result['protocol']} {result['split']}, {result['precision']} {result['backend']}",
        fontsize=11,
    )
    figure.supxlabel(
        f"model {result['model_sha256'][:12]}, manifest {result['manifest_sha256'][:12]}", fontsize=8, color="#555555"
    )
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=120, format="png", metadata={"Software": "edgewbc"})


def _ink(paper: tuple[float, ...]) -> str:
    """Black or white, whichever stands out more on a colour (relative luminance as in WCAG 2)."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in paper[:3]]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return "black" if luminance > 0.179 else "white"
