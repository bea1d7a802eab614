"""Figures for the README: drawn the same way, and the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgewbc.report.charts import Point, pareto
from edgewbc.utils.files import atomic_write
from edgewbc.utils.optional import need

Look = tuple[str, str, str]
"""Marker, colour and legend of a kind of mark."""


@contextmanager
def drawn(path: Path, width: float, height: float, what: str) -> Iterator[Any]:
    """A matplotlib figure to draw on, written when the block ends: SVG or PNG, by the suffix.

    Args:
        width, height: inches.
        what: it is, for the message.

    Raises:
        UserError: matplotlib is not installed.
    """
    need("matplotlib", what)
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # No date, and ids from a fixed salt.
    with mpl.rc_context({"svg.hashsalt": "edgewbc", "svg.fonttype": "none", "font.size": 10}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        with atomic_write(path) as temporary:
            metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
            figure.savefig(temporary, format=path.suffix.lstrip("."), metadata=metadata, dpi=150)


def mark(
    axes: Any, look: Look, x: float, accuracy: float, interval: Sequence[float], beside: str, seen: set[str],
    *, filled: bool = True,
) -> None:  # fmt: skip
    """An accuracy (of 0..1, drawn in percent) with its interval and a word beside it; each legend is given once.

    Marks in the same place share their words, and the same word is not written twice beside each other.

    Args:
        seen: legends given so far; this one is added.
    """
    marker, colour, legend = look
    low, high = (100 * bound for bound in interval)
    axes.plot([x, x], [low, high], color=colour, linewidth=1, alpha=0.4)
    axes.plot(
        x, 100 * accuracy, marker, color=colour, markersize=6, linestyle="none",
        label=None if legend in seen else legend, fillstyle="full" if filled else "none",
    )  # fmt: skip
    _write(axes, x, 100 * accuracy, beside)
    seen.add(legend)


def _write(axes: Any, x: float, percent: float, word: str) -> None:
    """A word beside a mark: with that of a mark in the same place, not a second time beside its like, and below the
    mark where that of another one stands."""
    height = 3
    for other in axes.texts:
        far, up = max(other.xy[0] / x, x / other.xy[0]), abs(other.xy[1] - percent)
        words = other.get_text().split(", ")
        if word in words and far < 1.3 and up < 0.3:
            return
        if far < 1.1 and up < 0.05:
            other.set_text(", ".join([*words, word]))
            return
        if far < 1.6 and up < 0.1:
            height = -11
    axes.annotate(word, (x, percent), xytext=(5, height), textcoords="offset points", fontsize=8)


def front(axes: Any, points: Sequence[tuple[float, float]], *, faster: bool = True) -> None:
    """The Pareto front of (x, accuracy) as stairs, and plain axes with a logarithmic x.

    Args:
        faster: whether a larger x is the better one.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    marks = [Point("", "", x if faster else 1 / x, accuracy, (0, 0), 0, "", "") for x, accuracy in points]
    best = pareto(marks)
    axes.plot(
        [one.speed if faster else 1 / one.speed for one in best], [100 * one.accuracy for one in best],
        color="0.3", linewidth=1, drawstyle="steps-pre", zorder=0,
    )  # fmt: skip
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def legend(figure: Any, axes: Any) -> None:
    """The legend of the axes above the figure, four to a line at most."""
    handles, labels = axes.get_legend_handles_labels()
    columns = min(4, len(labels))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False, handletextpad=0.2)
