"""Results as plain text: tables, percentages, the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

TIME = "%Y-%m-%dT%H:%M:%SZ"
"""Format of times, always UTC."""


def utc_now() -> str:
    """Return the time in the form 2026-11-28T01:02:03Z (UTC)."""
    return datetime.now(UTC).strftime(TIME)


def percent(value: float | None, digits: int = 2) -> str:
    """Format a fraction of 0..1 as a percentage; `-` if it is undefined."""
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def interval(values: Sequence[float] | None, digits: int = 2) -> str:
    """Format two fractions of 0..1 as a percentage range, such as `98.90-99.69 %`; `-` if undefined."""
    return "-" if values is None else f"{100 * values[0]:.{digits}f}-{100 * values[1]:.{digits}f} %"


def figure(value: float | None) -> str:
    """Format a measurement of 0 or more with about three significant digits; `-` if there is none."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Format a table with columns separated by two spaces; the first `left` are left-aligned, the others right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def headline(result: dict[str, Any]) -> str:
    """Format an evaluation in one line: accuracy with interval, counts, protocol, hashes of model and manifest."""
    return (
        f"accuracy {percent(result['accuracy'])} ({interval(result['interval'])}), "
        f"{result['correct']} of {result['n']}, {result['source']} {result['protocol']} {result['split']}, "
        f"{result['precision']} {result['backend']}, "
        f"model {result['model_sha256'][:12]}, manifest {result['manifest_sha256'][:12]}"
    )


MOST_CALIBRATION_ERROR = 0.05
"""Calibration error above which the probabilities of an evaluation are said not to be trusted."""


def remarks(result: dict[str, Any]) -> list[str]:
    """Return what limits the scores of an evaluation, one line each: one class only, or poor calibration."""
    lines = []
    present = [name for name, found in result["per_class"].items() if found["n"]]
    if len(present) == 1:
        lines.append(
            f"all images are of one class ({present[0]}): the accuracy is its recall, and does not show whether it is "
            "told apart from others"
        )
    error = result.get("calibration_error")
    if error is not None and error > MOST_CALIBRATION_ERROR:
        lines.append(
            f"the probabilities are not to be trusted: on average they are {100 * error:.1f} points away from the "
            f"share that is correct (calibration error {error:.3f}; more than {MOST_CALIBRATION_ERROR} is too much)"
        )
    return lines


def probability_scores(result: dict[str, Any]) -> str:
    """Format the scores of an evaluation's probabilities in one line."""
    return f"probabilities: Brier score {result['brier']:.5f}, log loss {result['log_loss']:.5f} (lower is better)"


def class_table(result: dict[str, Any]) -> str:
    """Format recall with its interval, precision and F1 of each class, and their means."""
    rows = [
        [
            name,
            str(found["n"]),
            percent(found["recall"]),
            interval(found["recall_interval"]),
            percent(found["precision"]),
            "-" if found["f1"] is None else f"{found['f1']:.4f}",
        ]
        for name, found in result["per_class"].items()
    ]
    mean = "-" if result["macro_f1"] is None else f"{result['macro_f1']:.4f}"
    rows.append(["mean", str(result["n"]), percent(result["balanced_accuracy"]), "", "", mean])
    return table(["class", "n", "recall", "95 % interval", "precision", "F1"], rows)


def confusion_table(result: dict[str, Any]) -> str:
    """Format the confusion matrix: rows are true classes, columns predictions."""
    names = list(result["classes"])
    rows = [[name, *map(str, counts)] for name, counts in zip(names, result["confusion"], strict=True)]
    return table(["truth \\ prediction", *names], rows)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> str:
    """Format a Markdown table; columns whose index is in `numbers` are right-aligned."""
    rule = ["---:" if index in numbers else "---" for index in range(len(header))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *rows))
