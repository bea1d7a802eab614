"""Learning curves and the confusion matrix of a training, as PNG files in its run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from edgewbc.metrics import wilson
from edgewbc.report import confusion, style
from edgewbc.report.style import BLUE, INK, MUTED, SIZE, VERMILION
from edgewbc.train.history import Confusion, EpochResult, best_epoch, read_confusion, read_metrics
from edgewbc.utils.text import interval, percent

CURVES: Final = "curves.png"
CONFUSION: Final = "confusion.png"
MAX_CLASSES: Final = 40
"""Classes above which no confusion matrix is drawn: nobody could read it."""


def draw(run: Path) -> list[Path]:
    """Draw what a run folder has so far, and return the files.

    Raises:
        UserError: matplotlib is not installed.
    """
    written = []
    if epochs := read_metrics(run):
        curves(epochs, run / CURVES, run.name)
        written.append(run / CURVES)
    found = read_confusion(run)
    if found is not None and len(found.classes) <= MAX_CLASSES:
        matrix(found, run / CONFUSION, run.name)
        written.append(run / CONFUSION)
    return written


def curves(epochs: Sequence[EpochResult], path: Path, name: str) -> None:
    """Write the learning curves: losses, and validation accuracy with its 95 % interval; the best epoch is marked."""
    best = best_epoch(epochs)
    steps = [each.epoch for each in epochs]
    with style.saved(path, 720, 300, "learning curves") as figure:
        loss, accuracy = (figure.add_axes(place) for place in ((0.08, 0.17, 0.38, 0.66), (0.58, 0.17, 0.4, 0.66)))
        for axes in (loss, accuracy):
            _plain(axes, steps)
            axes.axvline(best.epoch, color=MUTED, linewidth=1, linestyle=":")
        mark = {"marker": "o", "markersize": 4 if len(steps) < 30 else 0}
        loss.plot(steps, [each.train_loss for each in epochs], color=BLUE, label="train", **mark)
        loss.plot(
            steps, [each.val_loss for each in epochs], color=VERMILION, linestyle="--", label="validation", **mark
        )
        loss.legend(frameon=False, fontsize=SIZE - 1, labelcolor=INK)
        loss.set_title("loss", fontsize=SIZE, color=INK, loc="left")
        values = [100 * each.val_accuracy for each in epochs]
        low, high = ([100 * each.val_interval[side] for each in epochs] for side in (0, 1))
        accuracy.fill_between(steps, low, high, color=BLUE, alpha=0.15, linewidth=0)
        accuracy.plot(steps, values, color=BLUE, **mark)
        accuracy.set_title(
            f"validation accuracy, %: best {percent(best.val_accuracy)} in epoch {best.epoch}",
            fontsize=SIZE, color=INK, loc="left",
        )  # fmt: skip
        figure.text(0.08, 0.94, f"{name}, {best.protocol}, n = {best.val_n}", fontsize=SIZE, color=MUTED)
        for axes in (loss, accuracy):
            axes.set_xlabel("epoch", fontsize=SIZE - 1, color=INK)


def matrix(found: Confusion, path: Path, name: str) -> None:
    """Write the confusion matrix of the best epoch on the validation images."""
    n = sum(map(sum, found.counts))
    correct = sum(line[place] for place, line in enumerate(found.counts))
    accuracy = f"{percent(correct / n if n else None)} ({interval(wilson(correct, n))}), {correct} of {n}"
    title = f"validation accuracy {accuracy}\n{name}, epoch {found.epoch}"
    confusion.draw_counts(found.counts, found.classes, path, title)


def _plain(axes: Any, steps: Sequence[int]) -> None:
    axes.set_xlim(min(steps) - 0.5, max(steps) + 0.5)
    axes.grid(color=style.GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=SIZE - 1, labelcolor=INK)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(MUTED)
    style.ticks(axes.xaxis)
    axes.xaxis.get_major_locator().set_params(integer=True)
