"""An evaluation as plain text: a headline, remarks, scores by class and the confusion matrix."""

from __future__ import annotations

from edgewbc.evaluation.result import EvalResult
from edgewbc.probability_metrics import MAX_CALIBRATION_ERROR
from edgewbc.utils.text import interval, percent, table


def headline(result: EvalResult) -> str:
    """Format an evaluation in one line: accuracy with interval, counts, protocol, hashes of model and manifest."""
    return (
        f"accuracy {percent(result.accuracy)} ({interval(result.interval)}), "
        f"{result.correct} of {result.n}, {result.source} {result.protocol} {result.split}, "
        f"{result.precision} {result.backend}, "
        f"model {result.model_sha256[:12]}, manifest {result.manifest_sha256[:12]}"
    )


def remarks(result: EvalResult) -> list[str]:
    """Return what limits the scores of an evaluation, one line each: one class only, or poor calibration."""
    lines = []
    present = [name for name, found in result.per_class.items() if found.n]
    if len(present) == 1:
        lines.append(
            f"all images are of one class ({present[0]}): the accuracy is its recall, and does not show whether it is "
            "distinguished from others"
        )
    error = result.calibration_error
    if error is not None and error > MAX_CALIBRATION_ERROR:
        lines.append(
            f"the probabilities are not to be trusted: on average they are {100 * error:.1f} points away from the "
            f"share that is correct (calibration error {error:.3f}; more than {MAX_CALIBRATION_ERROR} is too much)"
        )
    return lines


def probability_scores(result: EvalResult) -> str:
    """Format the scores of an evaluation's probabilities in one line."""
    return f"probabilities: Brier score {result.brier:.5f}, log loss {result.log_loss:.5f} (lower is better)"


def class_table(result: EvalResult) -> str:
    """Format recall with its interval, precision and F1 of each class, and their means."""
    rows = [
        [
            name,
            str(found.n),
            percent(found.recall),
            interval(found.recall_interval),
            percent(found.precision),
            "-" if found.f1 is None else f"{found.f1:.4f}",
        ]
        for name, found in result.per_class.items()
    ]
    mean = "-" if result.macro_f1 is None else f"{result.macro_f1:.4f}"
    rows.append(["mean", str(result.n), percent(result.balanced_accuracy), "", "", mean])
    return table(["class", "n", "recall", "95 % interval", "precision", "F1"], rows)


def confusion_table(result: EvalResult) -> str:
    """Format the confusion matrix: rows are true classes, columns predictions."""
    names = list(result.classes)
    rows = [[name, *map(str, counts)] for name, counts in zip(names, result.confusion, strict=True)]
    return table(["truth \\ prediction", *names], rows)
