"""Two benchmarks of one machine beside each other: which rows became faster or slower, and which answer differently.

Speeds: the ratio of the rounds' geometric means, with a 99 % interval (Welch's t on the logarithms of the rounds). Ten
or more rows are compared at once, and 99 % keeps false alarms rare among them. A row is slower only if the interval
lies wholly below 1 and the ratio is more than 3 % away. The machine may have been slower in a whole run: where both
measured the CPU's f32 peak under the same OpenVINO, each round's figure is taken in units of the peak of its round, so
that what the machine did falls out.

Answers: picture by picture where both keep them, by McNemar's exact test at 1 %; else by their intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp, log, sqrt
from statistics import fmean, variance
from typing import Any

from edgewbc.bench.gates import name
from edgewbc.bench.runner import FORMAT
from edgewbc.errors import UserError
from edgewbc.metrics import mcnemar
from edgewbc.utils import text

LEAST = 0.03
"""Changes smaller than this are no change, however sure they are."""

LEVEL = 0.01
"""Of McNemar's test."""

# Student's t, two-sided 99 %, for 1 to 30 degrees of freedom; more than 30 take that of 30, which is a little wide.
T99 = (
    *(63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.250, 3.169, 3.106, 3.055, 3.012, 2.977, 2.947),
    *(2.921, 2.898, 2.878, 2.861, 2.845, 2.831, 2.819, 2.807, 2.797, 2.787, 2.779, 2.771, 2.763, 2.756, 2.750),
)


@dataclass(frozen=True)
class Ratio:
    """Of the second benchmark to the first: geometric mean, and its 99 % interval (None from single rounds)."""

    ratio: float
    interval: tuple[float, float] | None

    def verdict(self, *, more: str, less: str) -> str:
        """`more`, `less` or `same`; `unknown` where there is no interval to tell."""
        if self.interval is None:
            return "unknown"
        if self.interval[1] < 1 and self.ratio < 1 - LEAST:
            return less
        if self.interval[0] > 1 and self.ratio > 1 + LEAST:
            return more
        return "same"


@dataclass(frozen=True)
class Verdict:
    """A row of both benchmarks.

    Attributes:
        row: model/backend/precision.
        input: height and width.
        throughput, latency: ratios of images a second and of the median latency; None where they cannot be compared.
        speed: faster, slower, same within noise, or unknown.
        answers: same, changed (as right as before, as far as can be told), better, worse, or unknown.
        changed: pictures that are answered otherwise; None where it cannot be known.
        p: McNemar's.
        failed: why the row failed in the second, if it did not in the first.
    """

    row: str
    input: tuple[int, int]
    throughput: Ratio | None = None
    latency: Ratio | None = None
    speed: str = "unknown"
    answers: str = "unknown"
    changed: int | None = None
    p: float | None = None
    failed: str | None = None

    @property
    def regression(self) -> bool:
        return bool(self.failed) or self.speed == "slower" or self.answers == "worse"

    @property
    def word(self) -> str:
        if self.failed:
            return f"failed: {self.failed}"
        said = {"same": "same within noise", "unknown": "speed not compared"}.get(self.speed, self.speed)
        return said + {"same": "", "unknown": ", answers not compared"}.get(self.answers, f", {self.answers} answers")


def ratio(before: Sequence[float], after: Sequence[float]) -> Ratio:
    """The ratio of two figures that were measured in some rounds each, with its interval.

    Welch 1947, "The generalization of 'Student's' problem", Biometrika 34:28, on logarithms; the degrees of freedom are
    rounded down.
    """
    a, b = [log(value) for value in before], [log(value) for value in after]
    middle = fmean(b) - fmean(a)
    if min(len(a), len(b)) < 2:
        return Ratio(exp(middle), None)
    parts = [variance(a) / len(a), variance(b) / len(b)]
    total = sum(parts)
    if total == 0:
        return Ratio(exp(middle), (exp(middle), exp(middle)))
    freedom = total**2 / sum(part**2 / (len(x) - 1) for part, x in zip(parts, (a, b), strict=True))
    reach = T99[min(30, max(1, int(freedom))) - 1] * sqrt(total)
    return Ratio(exp(middle), (exp(max(-700.0, middle - reach)), exp(min(700.0, middle + reach))))


def compare(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Compare two results of `bench`, row by row (matched by model, backend, precision and input).

    Returns:
        warnings (how the two differ as measurements), unit (of the speeds), rows (see `Verdict`, with verdict and
        regression), gone and new (rows that only one has) and regressions (their number).

    Raises:
        UserError: a result is of an older format, the two have no row in common, or neither speeds nor answers can be
            compared because both machine and pictures differ.
    """
    for which, result in (("first", before), ("second", after)):
        if result.get("format") != FORMAT:
            raise UserError(f"the {which} benchmark was written by another edgewbc than this: measure it anew")
    speeds, answers, warnings = _alike(before, after)
    if not speeds and not answers:
        raise UserError(f"nothing can be compared: {'; '.join(warnings)}")
    old = {_key(row): row for row in before["rows"] if not row.get("error")}
    new = {_key(row): row for row in after["rows"]}
    both = [key for key in old if key in new]
    if not both:
        raise UserError("the two benchmarks have no row in common (model, backend, precision and input)")
    yard = _yard(before, after) if speeds else None
    found = [_verdict(old[key], new[key], before, after, speeds, answers, yard) for key in both]
    return {
        "warnings": warnings,
        "unit": None if not speeds else "of the CPU's f32 peak in the same round" if yard else "images a second",
        "rows": [{**asdict(one), "verdict": one.word, "regression": one.regression} for one in found],
        "gone": [name(old[key]) for key in old if key not in new],
        "new": [name(new[key]) for key in new if key not in old and not new[key].get("error")],
        "regressions": sum(one.regression for one in found),
    }


def render(result: dict[str, Any]) -> str:
    """The comparison for a person."""
    header = ("row", "input", "img/s ratio", "99 % interval", "p50 ratio", "99 % interval", "changed", "p", "verdict")
    lines = [
        [
            one["row"],
            "x".join(map(str, one["input"])),
            *_shown(one["throughput"]),
            *_shown(one["latency"]),
            "-" if one["changed"] is None else str(one["changed"]),
            "-" if one["p"] is None else f"{one['p']:.2g}",
            one["verdict"],
        ]
        for one in result["rows"]
    ]
    parts = [f"differs: {line}" for line in result["warnings"]]
    parts.append(text.table(header, lines))
    if result["unit"]:
        parts.append(f"Ratios: the second to the first, {result['unit']}. p50: above 1 is slower.")
    parts += [f"only in the first: {one}" for one in result["gone"]]
    parts += [f"only in the second: {one}" for one in result["new"]]
    return "\n".join(parts)


def _alike(before: dict[str, Any], after: dict[str, Any]) -> tuple[bool, bool, list[str]]:
    """Whether speeds and answers can be compared, and how the two differ as measurements."""
    warnings = []

    def same(part: str, names: Sequence[str], instead: str) -> bool:
        a, b = before.get(part, {}), after.get(part, {})
        found = [f"{name} {a.get(name)} and {b.get(name)}" for name in names if a.get(name) != b.get(name)]
        if found:
            warnings.append(f"{part}: {', '.join(found)}{instead}")
        return not found

    speeds = same("machine", ("cpu", "isa", "cores"), ": speeds are not compared")
    speeds &= same("protocol", ("threads",), ": speeds are not compared")
    answers = same("data", ("manifest_sha256", "protocol", "split", "n"), ": answers are not compared")
    if not before["data"].get("n") or not after["data"].get("n"):
        answers = False
    same("protocol", ("rounds", "seconds", "batches"), "")
    versions = [result.get("machine", {}).get("versions", {}) for result in (before, after)]
    other = [name for name in sorted({*versions[0], *versions[1]}) if versions[0].get(name) != versions[1].get(name)]
    if other:
        told = ", ".join(f"{name} {versions[0].get(name)} and {versions[1].get(name)}" for name in other)
        warnings.append(f"versions: {told}")
    busy = [
        which
        for which, result in (("first", before), ("second", after))
        if ((result["protocol"].get("load_during") or {}).get("median") or 0) > result["protocol"].get("busy", 1)
    ]
    if busy:
        warnings.append(f"load: other programs used the machine during the {' and the '.join(busy)}")
    return speeds, answers, warnings


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["model"], row["backend"], row["precision"], *row["input"])


def _yard(before: dict[str, Any], after: dict[str, Any]) -> tuple[list[float], list[float]] | None:
    """The f32 peaks of the rounds of both, if both measured it under the same OpenVINO."""
    versions = [result.get("machine", {}).get("versions", {}).get("openvino") for result in (before, after)]
    peaks = [result["peaks"].get("f32", {}).get("rounds") for result in (before, after)]
    return (peaks[0], peaks[1]) if versions[0] == versions[1] and all(peaks) else None


def _verdict(
    old: dict[str, Any],
    new: dict[str, Any],
    before: dict[str, Any],
    after: dict[str, Any],
    speeds: bool,
    answers: bool,
    yard: tuple[list[float], list[float]] | None,
) -> Verdict:
    named = Verdict(name(old), (old["input"][0], old["input"][1]))
    if new.get("error"):
        return Verdict(named.row, named.input, failed=str(new["error"]))
    throughput = latency = None
    speed = "unknown"
    if speeds:
        rates = [_scaled(row["rounds"]["images_per_s"], yard, i, -1) for i, row in enumerate((old, new))]
        times = [_scaled(row["rounds"]["latency_p50_ms"], yard, i, 1) for i, row in enumerate((old, new))]
        throughput, latency = ratio(*rates), ratio(*times)
        words = {throughput.verdict(more="faster", less="slower"), latency.verdict(more="slower", less="faster")}
        speed = next(word for word in ("unknown", "slower", "faster", "same") if word in words)
    said, changed, p = _answers(old, new, before, after) if answers else ("unknown", None, None)
    return Verdict(named.row, named.input, throughput, latency, speed, said, changed, p)


def _scaled(values: list[float], yard: tuple[list[float], list[float]] | None, which: int, power: int) -> list[float]:
    """Figures of the rounds in units of the peaks: rates over the peak (power -1), times by the peak (power 1)."""
    if yard is None:
        return values
    return [value * peak**power for value, peak in zip(values, yard[which], strict=True)]


def _answers(
    old: dict[str, Any], new: dict[str, Any], before: dict[str, Any], after: dict[str, Any]
) -> tuple[str, int | None, float | None]:
    """What became of the answers, how many changed, and p."""
    if old.get("accuracy") is None or new.get("accuracy") is None:
        return "unknown", None, None
    first, second = (_names(row, row.get("answers")) for row in (old, new))
    truths = [_names(result["data"], result["data"].get("truth")) for result in (before, after)]
    if first is None or second is None or truths[0] is None or truths[0] != truths[1]:
        if new["interval"][1] < old["interval"][0]:
            return "worse", None, None
        return ("better" if new["interval"][0] > old["interval"][1] else "unknown"), None, None
    changed = sum(a != b for a, b in zip(first, second, strict=True))
    right = [[a == t for a, t in zip(said, truths[0], strict=True)] for said in (first, second)]
    test = mcnemar(*right)
    if test["p"] < LEVEL:
        return ("worse" if test["b"] > test["c"] else "better"), changed, test["p"]
    return ("changed" if changed else "same"), changed, test["p"]


def _names(holder: dict[str, Any], coded: str | None) -> list[str] | None:
    """Class names of answers or labels that were written as a letter a picture (see `answers.DIGITS`)."""
    return None if coded is None else [holder["classes"][int(letter, 36)] for letter in coded]


def _shown(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return ["-", "-"]
    interval = found["interval"]
    return [f"{found['ratio']:.3f}", "-" if interval is None else f"{interval[0]:.3f}-{interval[1]:.3f}"]
