"""Compare two benchmarks of one machine: which rows became faster or slower, and which predictions changed.

Speed is the ratio of the geometric means of the rounds, with a 99 % interval (Welch's t on the logarithms of the
rounds): ten or more rows are compared at once, and 99 % keeps false alarms rare. A row is slower only if the whole
interval is below 1 and the ratio is more than 3 % away. The machine itself may have been slower in one of the two runs:
where both measured the CPU's f32 peak under the same OpenVINO version, each round's figure is divided by the peak of
its round.

Predictions are compared image by image where both results contain them, by McNemar's exact test at 1 %; otherwise by
the intervals of the accuracies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import exp, log, sqrt
from statistics import fmean, variance
from typing import Any

from edgewbc.bench.prediction_metrics import decode_classes
from edgewbc.bench.result import BenchResult
from edgewbc.bench.row import FailedRow, MeasuredRow
from edgewbc.errors import UserError
from edgewbc.metrics import mcnemar

MIN_CHANGE = 0.03
"""Relative changes smaller than this count as no change, however certain they are."""

LEVEL = 0.01
"""Significance level of McNemar's test."""

# Quantiles of Student's t, two-sided 99 %, for 1 to 30 degrees of freedom; that of 30 is used for more (slightly wide).
T99 = (
    *(63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.250, 3.169, 3.106, 3.055, 3.012, 2.977, 2.947),
    *(2.921, 2.898, 2.878, 2.861, 2.845, 2.831, 2.819, 2.807, 2.797, 2.787, 2.779, 2.771, 2.763, 2.756, 2.750),
)


@dataclass(frozen=True)
class Change:
    """A figure of the second benchmark relative to the first.

    Attributes:
        ratio: of the geometric means of the rounds, second to first.
        interval: 99 %; None from single rounds.
    """

    ratio: float
    interval: tuple[float, float] | None

    def verdict(self, *, more: str, less: str) -> str:
        """Return `more`, `less` or `same`; `unknown` without an interval."""
        if self.interval is None:
            return "unknown"
        if self.interval[1] < 1 and self.ratio < 1 - MIN_CHANGE:
            return less
        if self.interval[0] > 1 and self.ratio > 1 + MIN_CHANGE:
            return more
        return "same"


@dataclass(frozen=True)
class RowComparison:
    """A row that both benchmarks have.

    Attributes:
        row: model/backend/precision.
        input: height and width in pixels.
        throughput, latency: change of the images per second and of the median latency; None if not compared.
        speed: faster, slower, same (within noise) or unknown.
        predictions: same, changed (accuracy not significantly different), better, worse or unknown.
        changed: number of images with another predicted class; None if not compared image by image.
        p: of McNemar's test.
        failed: why the row failed in the second benchmark.
    """

    row: str
    input: tuple[int, int]
    throughput: Change | None = None
    latency: Change | None = None
    speed: str = "unknown"
    predictions: str = "unknown"
    changed: int | None = None
    p: float | None = None
    failed: str | None = None

    @property
    def regression(self) -> bool:
        """Whether the row failed, became slower, or predicts worse."""
        return bool(self.failed) or self.speed == "slower" or self.predictions == "worse"

    @property
    def verdict(self) -> str:
        """The comparison in words."""
        if self.failed:
            return f"failed: {self.failed}"
        speed = {"same": "same within noise", "unknown": "speed not compared"}.get(self.speed, self.speed)
        predictions = {"same": "", "unknown": ", predictions not compared"}
        return speed + predictions.get(self.predictions, f", {self.predictions} predictions")

    def to_json(self) -> dict[str, Any]:
        values = {**asdict(self), "verdict": self.verdict, "regression": self.regression}
        values["answers"] = values.pop("predictions")
        return values


@dataclass(frozen=True)
class Comparison:
    """Two benchmarks compared row by row.

    Attributes:
        warnings: how the two differ as measurements.
        unit: of the speeds; None if they are not compared.
        rows: those that both have.
        gone, new: names of the rows that only the first or only the second has.
    """

    warnings: tuple[str, ...]
    unit: str | None
    rows: tuple[RowComparison, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def regressions(self) -> list[RowComparison]:
        return [row for row in self.rows if row.regression]

    def to_json(self) -> dict[str, Any]:
        return {
            "warnings": list(self.warnings),
            "unit": self.unit,
            "rows": [row.to_json() for row in self.rows],
            "gone": list(self.gone),
            "new": list(self.new),
            "regressions": len(self.regressions),
        }


def change(before: Sequence[float], after: Sequence[float]) -> Change:
    """Return the ratio of a figure that was measured in some rounds of each benchmark, with its 99 % interval.

    Welch 1947, "The generalization of 'Student's' problem", Biometrika 34:28, on logarithms; the degrees of freedom
    are rounded down.
    """
    a, b = [log(value) for value in before], [log(value) for value in after]
    middle = fmean(b) - fmean(a)
    if min(len(a), len(b)) < 2:
        return Change(exp(middle), None)
    parts = [variance(a) / len(a), variance(b) / len(b)]
    total = sum(parts)
    if total == 0:
        return Change(exp(middle), (exp(middle), exp(middle)))
    freedom = total**2 / sum(part**2 / (len(x) - 1) for part, x in zip(parts, (a, b), strict=True))
    reach = T99[min(30, max(1, int(freedom))) - 1] * sqrt(total)
    return Change(exp(middle), (exp(max(-700.0, middle - reach)), exp(min(700.0, middle + reach))))


def compare(before: BenchResult, after: BenchResult) -> Comparison:
    """Compare two results row by row; rows are matched by model, backend, precision and input.

    Raises:
        UserError: the two have no row in common, or neither speeds nor predictions can be compared because both the
            machine and the images differ.
    """
    speeds, predictions, warnings = _comparable(before, after)
    if not speeds and not predictions:
        raise UserError(f"nothing can be compared: {'; '.join(warnings)}")
    old = {(*row.key, *row.input): row for row in before.measured}
    new = {(*row.key, *row.input): row for row in after.rows}
    both = [key for key in old if key in new]
    if not both:
        raise UserError("the two benchmarks have no row in common (model, backend, precision and input)")
    peaks = _peaks(before, after) if speeds else None
    rows = []
    for key in both:
        first, second = old[key], new[key]
        found = RowComparison(first.name, first.input)
        if isinstance(second, FailedRow):
            rows.append(replace(found, failed=second.error))
            continue
        if speeds:
            found = _with_speed(found, first, second, peaks)
        if predictions:
            found = _with_predictions(found, (before, first), (after, second))
        rows.append(found)
    return Comparison(
        warnings=tuple(warnings),
        unit=None if not speeds else "of the CPU's f32 peak in the same round" if peaks else "images per second",
        rows=tuple(rows),
        gone=tuple(row.name for key, row in old.items() if key not in new),
        new=tuple(row.name for key, row in new.items() if key not in old and isinstance(row, MeasuredRow)),
    )


def _comparable(before: BenchResult, after: BenchResult) -> tuple[bool, bool, list[str]]:
    """Return whether speeds and predictions can be compared, and how the two benchmarks differ as measurements."""
    warnings = []

    def same(part: str, names: Sequence[str], consequence: str) -> bool:
        a, b = getattr(before, part), getattr(after, part)
        pairs = [(name, _shown(getattr(a, name)), _shown(getattr(b, name))) for name in names]
        found = [f"{name} {one} and {other}" for name, one, other in pairs if one != other]
        if found:
            warnings.append(f"{part}: {', '.join(found)}{consequence}")
        return not found

    speeds = same("machine", ("cpu", "isa", "cores"), ": speeds are not compared")
    speeds &= same("protocol", ("threads",), ": speeds are not compared")
    names = ("manifest_sha256", "protocol", "split", "n")
    predictions = same("data", names, ": predictions are not compared")
    if not before.data.n or not after.data.n:
        predictions = False
    same("protocol", ("rounds", "seconds", "batches"), "")
    versions = before.machine.versions, after.machine.versions
    differing = [
        name for name in sorted({*versions[0], *versions[1]}) if versions[0].get(name) != versions[1].get(name)
    ]
    if differing:
        pairs = (f"{name} {versions[0].get(name)} and {versions[1].get(name)}" for name in differing)
        warnings.append(f"versions: {', '.join(pairs)}")
    loads = (("first", before.protocol), ("second", after.protocol))
    busy = [which for which, how in loads if how.load_during is not None and how.load_during.median > how.busy]
    if busy:
        warnings.append(f"load: other programs used the machine during the {' and the '.join(busy)}")
    return speeds, predictions, warnings


def _shown(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _peaks(before: BenchResult, after: BenchResult) -> tuple[Sequence[float], Sequence[float]] | None:
    """The f32 peaks of the rounds of both, if both measured them under the same OpenVINO version."""
    first, second = before.peaks.get("f32"), after.peaks.get("f32")
    if first is None or second is None:
        return None
    same = before.machine.versions.get("openvino") == after.machine.versions.get("openvino")
    return (first.rounds, second.rounds) if same else None


def _with_speed(
    found: RowComparison,
    old: MeasuredRow,
    new: MeasuredRow,
    peaks: tuple[Sequence[float], Sequence[float]] | None,
) -> RowComparison:
    rounds = old.timing.rounds, new.timing.rounds
    rates = [_scaled(one.images_per_s, peaks, i, -1) for i, one in enumerate(rounds)]
    times = [_scaled(one.latency_p50_ms, peaks, i, 1) for i, one in enumerate(rounds)]
    throughput, latency = change(*rates), change(*times)
    words = {throughput.verdict(more="faster", less="slower"), latency.verdict(more="slower", less="faster")}
    speed = next(word for word in ("unknown", "slower", "faster", "same") if word in words)
    return replace(found, throughput=throughput, latency=latency, speed=speed)


def _scaled(
    values: Sequence[float], peaks: tuple[Sequence[float], Sequence[float]] | None, which: int, power: int
) -> Sequence[float]:
    """Scale the figures of the rounds by their peaks: rates are divided (power -1), times multiplied (power 1)."""
    if peaks is None:
        return values
    return [value * peak**power for value, peak in zip(values, peaks[which], strict=True)]


def _with_predictions(
    found: RowComparison, before: tuple[BenchResult, MeasuredRow], after: tuple[BenchResult, MeasuredRow]
) -> RowComparison:
    old, new = before[1].scores, after[1].scores
    if old is None or new is None:
        return found
    truths = [
        decode_classes(data.truth, data.classes) if data.truth is not None and data.classes is not None else None
        for data in (before[0].data, after[0].data)
    ]
    truth = truths[0]
    if old.predictions is None or new.predictions is None or truth is None or truth != truths[1]:
        if new.interval[1] < old.interval[0]:
            return replace(found, predictions="worse")
        return replace(found, predictions="better" if new.interval[0] > old.interval[1] else "unknown")
    first, second = decode_classes(old.predictions, old.classes), decode_classes(new.predictions, new.classes)
    changed = sum(a != b for a, b in zip(first, second, strict=True))
    test = mcnemar(*([a == t for a, t in zip(labels, truth, strict=True)] for labels in (first, second)))
    word = "changed" if changed else "same"
    if test.p < LEVEL:
        word = "worse" if test.b > test.c else "better"
    return replace(found, predictions=word, changed=changed, p=test.p)
