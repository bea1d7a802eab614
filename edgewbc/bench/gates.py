"""Conditions on the rows of a benchmark, for a lab's acceptance test or for CI.

accuracy>=0.99                 of the delivered row: the first model in OpenVINO, in its default precision
openvino/int8:speedup>=100     of every row with that backend and precision
*:accuracy_low>=98%            of every row
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from edgewbc.bench.result import BenchResult
from edgewbc.bench.row import BenchRow, FailedRow, MeasuredRow
from edgewbc.errors import GateError, UserError

R = TypeVar("R", bound=BenchRow)

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}

Read = Callable[[MeasuredRow], float | None]


def _score(name: str) -> Read:
    return lambda row: None if row.scores is None else getattr(row.scores, name)


def _bound(index: int) -> Read:
    return lambda row: None if row.scores is None else row.scores.interval[index]


def _timing(name: str) -> Read:
    return lambda row: getattr(row.timing, name)


def _latency(name: str) -> Read:
    return lambda row: getattr(row.timing.latency_ms, name)


METRICS: dict[str, Read] = {
    **{name: _score(name) for name in ("accuracy", "balanced_accuracy", "macro_f1", "ece")},
    "accuracy_low": _bound(0),
    "accuracy_high": _bound(1),
    "agreement": lambda row: None if row.agreement is None else row.agreement.agreement,
    "parity": lambda row: None if row.agreement is None else row.agreement.parity,
    "mcnemar_p": lambda row: None if row.agreement is None else row.agreement.mcnemar.p,
    **{name: _timing(name) for name in ("images_per_s", "size_mb", "rss_mb", "cold_start_s")},
    **{f"latency_{name}": _latency(name) for name in ("p50", "p90", "p95", "p99")},
    "speedup": lambda row: None if row.speedup is None else row.speedup.ratio,
    "speedup_low": lambda row: None if row.speedup is None else row.speedup.range[0],
    "peak_share": lambda row: None if row.peak_share is None else row.peak_share.ratio,
    "benchmark_app": lambda row: None if row.benchmark_app is None else row.benchmark_app.ratio.ratio,
}
"""Metrics that a condition may name. accuracy_low and accuracy_high are the bounds of the 95 % interval, speedup_low is
the smallest speedup of a round, latencies are in milliseconds, benchmark_app is our throughput over benchmark_app's."""

_SHARES = {"accuracy", "balanced_accuracy", "macro_f1", "agreement", "accuracy_low", "accuracy_high", "peak_share"}
_FORM = re.compile(
    r"(?:(?P<row>[^:]*):)?\s*(?P<metric>\w+)\s*(?P<operator>>=|<=|==|>|<)\s*(?P<bound>[^\s%]+)\s*(?P<percent>%?)"
)


@dataclass(frozen=True)
class Condition:
    """A condition on the figures of one or more rows.

    Attributes:
        text: as it was written.
        row: glob patterns separated by slashes, each of which must match the row's model, backend or precision; None
            is the delivered row.
        metric: one of `METRICS`.
        operator: one of `OPERATORS`.
        bound: the value that the figure is compared with.
    """

    text: str
    row: str | None
    metric: str
    operator: str
    bound: float

    def of(self, rows: Sequence[R]) -> list[R]:
        """Return the rows that the condition applies to.

        Raises:
            UserError: it matches no row.
        """
        found = [row for row in rows if self._matches(row)]
        if not found:
            names = ", ".join(row.name for row in rows)
            raise UserError(f"--require {self.text}: matches no row; the rows are: {names}")
        return found

    def check(self, result: BenchResult) -> list[str]:
        """Return a line for each row that meets the condition.

        Raises:
            UserError: it matches no row.
            GateError: a row does not meet it, or its figure was not measured.
        """
        met = []
        scored = self.metric.startswith(("accuracy", "balanced"))
        under = f" (protocol {result.data.protocol or 'none'})" if scored else ""
        for row in self.of(result.rows):
            value = METRICS[self.metric](row) if isinstance(row, MeasuredRow) else None
            if value is None:
                why = row.error if isinstance(row, FailedRow) else "it was not measured"
                raise GateError(
                    f"{row.name}: {self.metric} {self.operator} {self._show(self.bound)} is required: {why}{under}"
                )
            figure = f"{row.name}: {self.metric} {self._show(value, self.bound)}"
            if not OPERATORS[self.operator](value, self.bound):
                raise GateError(f"{figure}, required {self.operator} {self._show(self.bound)}{under}")
            met.append(f"{figure}, met {self.operator} {self._show(self.bound)}{under}")
        return met

    def _matches(self, row: BenchRow) -> bool:
        if self.row is None:
            return row.delivered
        return all(any(fnmatchcase(value, pattern) for value in row.key) for pattern in self.row.split("/"))

    def _show(self, value: float, beside: float | None = None) -> str:
        """Format a value, shares as percent, with enough digits that it reads differently from the bound `beside`."""
        scale, sign = (100, " %") if self.metric in _SHARES else (1, "")
        for digits in (4, 6, 9):
            text = f"{scale * value:.{digits}g}"
            if beside is None or value == beside or text != f"{scale * beside:.{digits}g}":
                break
        return text + sign


def parse(text: str) -> Condition:
    """Parse a condition such as `openvino/int8:speedup>=100`.

    Raises:
        UserError: the text is not a condition, or its metric or bound is invalid.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise UserError(f"--require {text!r}: write it as accuracy>=0.99 or openvino/int8:speedup>=100")
    metric = found["metric"]
    if metric not in METRICS:
        raise UserError(f"--require {text}: {metric!r} is not measured; the metrics are: {', '.join(sorted(METRICS))}")
    try:
        bound = float(found["bound"]) / (100 if found["percent"] else 1)
    except ValueError:
        raise UserError(f"--require {text}: {found['bound']!r} is not a number") from None
    if bound != bound or bound in (float("inf"), float("-inf")):
        raise UserError(f"--require {text}: the bound must be a finite number")
    if metric in _SHARES and bound > 1:
        raise UserError(f"--require {text}: {metric} is a share of 0..1: write 0.99 or 99%")
    return Condition(text, found["row"], metric, found["operator"], bound)
