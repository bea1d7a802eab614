"""Reference ranges of a laboratory: a small YAML file that the laboratory owns. None are built in."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgewbc.cases.labels import WHITE_CELLS
from edgewbc.errors import UserError
from edgewbc.utils import flat_yaml
from edgewbc.utils.files import read_bytes

EXAMPLE = "neutrophil.percent: LOW to HIGH"
WHAT = f"reference ranges such as {EXAMPLE}"
SOURCE = "source"
MOST = {"percent": 100.0, "absolute": math.inf}
"""What a type may have, with the largest value."""
_RANGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?: +to +| *[-–] *)([0-9]+(?:\.[0-9]+)?)")


@dataclass(frozen=True)
class Range:
    """The reference range of one type; None where the laboratory gives none.

    Attributes:
        percent: low and high in percent of the white cells.
        absolute: low and high in 10^9/L.
    """

    percent: tuple[float, float] | None = None
    absolute: tuple[float, float] | None = None


@dataclass(frozen=True)
class Ranges:
    """The reference ranges of a laboratory.

    Attributes:
        source: where they are from, as the laboratory words it; printed below the table.
        by_label: range of each type that has one.
    """

    source: str = ""
    by_label: Mapping[str, Range] = field(default_factory=dict)

    def of(self, label: str) -> Range:
        """Return the range of a type."""
        return self.by_label.get(label, Range())


def read_ranges(path: Path) -> Ranges:
    """Read reference ranges.

    The file is YAML, a line for each range, `source` is optional, and absolute counts are in 10^9/L:

        source: Laboratory handbook, adults
        neutrophil.percent: 40 to 75
        neutrophil.absolute: 1.8 to 7.7

    A file that ends in .toml is read too: a table for each type, with `percent = [40, 75]`.

    Raises:
        UserError: the file cannot be read, or does not hold this; the message names the key.
    """
    values = _of_toml(path) if path.suffix.casefold() == ".toml" else flat_yaml.read(path, WHAT)
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for key, value in values.items():
        if key == SOURCE:
            continue
        label, _, kind = key.rpartition(".")
        if label not in WHITE_CELLS or kind not in MOST:
            raise UserError(
                f"{path}: unknown key {key[:60]!r}: use {SOURCE}, or TYPE.percent and TYPE.absolute, where TYPE is one "
                f"of {', '.join(WHITE_CELLS)}"
            )
        found.setdefault(label, {})[kind] = _pair(path, key, value, MOST[kind])
    return Ranges(values.get(SOURCE, ""), {label: Range(**kinds) for label, kinds in found.items()})


def _pair(path: Path, key: str, value: str, most: float) -> tuple[float, float]:
    match = _RANGE.fullmatch(value)
    low, high = map(float, match.groups()) if match else (1.0, 0.0)
    if not 0 <= low < high <= most or not math.isfinite(high):
        raise UserError(f"{path}: {key} is {value[:60]!r}: give LOW to HIGH with 0 <= LOW < HIGH, such as 1 to 2.5")
    return low, high


def _of_toml(path: Path) -> dict[str, str]:
    """Return the lines that the YAML file would have."""
    try:
        tables = tomllib.loads(read_bytes(path, flat_yaml.MAX_BYTES).decode("utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {WHAT}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as TOML: {error}") from None
    lines = {}
    for name, table in tables.items():
        if name == SOURCE and isinstance(table, str):
            lines[name] = table
            continue
        for kind, value in table.items() if isinstance(table, dict) else [("", table)]:
            lines[f"{name}.{kind}"] = " to ".join(map(str, value)) if isinstance(value, list) else str(value)
    return lines
