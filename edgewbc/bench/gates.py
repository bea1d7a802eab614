"""Conditions on the rows of a benchmark: a lab's acceptance test, or a gate in CI.

accuracy>=0.99                 of the row that is delivered: the first model in OpenVINO, in its default precision
openvino/int8:speedup>=100     of every row with that backend and precision
*:accuracy_low>=98%            of every row
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from edgewbc.errors import GateError, UserError

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}

Read = Callable[[dict[str, Any]], float | None]


def _plain(name: str) -> Read:
    return lambda row: row.get(name)


def _in(name: str, part: Any) -> Read:
    def read(row: dict[str, Any]) -> float | None:
        held = row.get(name)
        return None if held is None or (isinstance(held, dict) and held.get("error")) else held[part]

    return read


METRICS: dict[str, Read] = {
    **{name: _plain(name) for name in ("accuracy", "balanced_accuracy", "macro_f1", "agreement", "parity", "ece")},
    **{name: _plain(name) for name in ("images_per_s", "speedup", "peak_share", "size_mb", "rss_mb", "cold_start_s")},
    "accuracy_low": _in("interval", 0),
    "accuracy_high": _in("interval", 1),
    "speedup_low": _in("speedup_range", 0),
    **{f"latency_{name}": _in("latency_ms", name) for name in ("p50", "p90", "p95", "p99")},
    "mcnemar_p": _in("mcnemar", "p"),
    "benchmark_app": _in("benchmark_app", "ratio"),
}
"""What can be required. accuracy_low is the lower bound of the 95 % interval, speedup_low the least ratio of any round,
latencies are milliseconds, benchmark_app is our throughput over its."""

_SHARES = {"accuracy", "balanced_accuracy", "macro_f1", "agreement", "accuracy_low", "accuracy_high", "peak_share"}
_FORM = re.compile(
    r"(?:(?P<row>[^:]*):)?\s*(?P<metric>\w+)\s*(?P<operator>>=|<=|==|>|<)\s*(?P<bound>[^\s%]+)\s*(?P<percent>%?)"
)


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes:
        text: as it was written.
        row: patterns (as of file names) parted by slashes, each of which is the row's model, backend or precision;
            None is the row that is delivered.
        metric: one of `METRICS`.
        operator: one of `OPERATORS`.
        bound: what the figure is compared with.
    """

    text: str
    row: str | None
    metric: str
    operator: str
    bound: float

    def of(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows that it is about.

        Raises:
            UserError: none.
        """
        found = [row for row in rows if self._matches(row)]
        if not found:
            names = ", ".join(name(row) for row in rows)
            raise UserError(f"--require {self.text}: matches no row; the rows are: {names}")
        return found

    def check(self, rows: Sequence[dict[str, Any]], protocol: str | None = None) -> list[str]:
        """A line for each row that meets it; the protocol is for what is said of an accuracy.

        Raises:
            UserError: it matches no row.
            GateError: a row does not meet it, or its figure was not measured.
        """
        met = []
        under = f" (protocol {protocol or 'none'})" if self.metric.startswith(("accuracy", "balanced")) else ""
        for row in self.of(rows):
            value = METRICS[self.metric](row)
            if value is None:
                why = row.get("error") or "it was not measured"
                raise GateError(
                    f"{name(row)}: {self.metric} {self.operator} {self._show(self.bound)} is required: {why}{under}"
                )
            said = f"{name(row)}: {self.metric} {self._show(value, self.bound)}"
            if not OPERATORS[self.operator](value, self.bound):
                raise GateError(f"{said}, required {self.operator} {self._show(self.bound)}{under}")
            met.append(f"{said}, met {self.operator} {self._show(self.bound)}{under}")
        return met

    def _matches(self, row: dict[str, Any]) -> bool:
        if self.row is None:
            return bool(row.get("delivered"))
        held = [str(row[part]) for part in ("model", "backend", "precision")]
        return all(any(fnmatchcase(value, pattern) for value in held) for pattern in self.row.split("/"))

    def _show(self, value: float, beside: float | None = None) -> str:
        """As percent for shares; with so many digits that it does not read as the bound that it is not."""
        scale, sign = (100, " %") if self.metric in _SHARES else (1, "")
        for digits in (4, 6, 9):
            text = f"{scale * value:.{digits}g}"
            if beside is None or value == beside or text != f"{scale * beside:.{digits}g}":
                break
        return text + sign


def parse(text: str) -> Condition:
    """Read a condition.

    Raises:
        UserError: it is none; the line says what one looks like.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise UserError(f"--require {text!r}: write it as accuracy>=0.99 or openvino/int8:speedup>=100")
    metric = found["metric"]
    if metric not in METRICS:
        raise UserError(f"--require {text}: {metric!r} is not measured; there are: {', '.join(sorted(METRICS))}")
    try:
        bound = float(found["bound"]) / (100 if found["percent"] else 1)
    except ValueError:
        raise UserError(f"--require {text}: {found['bound']!r} is not a number") from None
    if bound != bound or bound in (float("inf"), float("-inf")):
        raise UserError(f"--require {text}: the bound must be a finite number")
    if metric in _SHARES and bound > 1:
        raise UserError(f"--require {text}: {metric} is a share of 0..1: write 0.99 or 99%")
    return Condition(text, found["row"], metric, found["operator"], bound)


def name(row: dict[str, Any]) -> str:
    """A row as conditions and comparisons name it."""
    return f"{row['model']}/{row['backend']}/{row['precision']}"
