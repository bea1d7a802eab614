"""Reference ranges of a laboratory: a small TOML file that the laboratory owns. None are built in."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgewbc.errors import UserError
from edgewbc.lab.case_labels import WHITE_CELLS
from edgewbc.utils.files import read_bytes

EXAMPLE = "[neutrophil] percent = [LOW, HIGH]"
MAX_BYTES = 1 << 20


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

    The file is TOML: `source = "..."`, and for each type a table of its name with `percent = [low, high]` and, or,
    `absolute = [low, high]`, the latter in 10^9/L.

    Raises:
        UserError: the file cannot be read, or does not hold this; the message names the key.
    """
    try:
        values = tomllib.loads(read_bytes(path, MAX_BYTES).decode("utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected reference ranges such as {EXAMPLE}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as TOML: {error}") from None
    source, found = "", {}
    for name, entry in values.items():
        if name == "source" and isinstance(entry, str):
            source = entry
            continue
        if name not in WHITE_CELLS or not isinstance(entry, dict):
            raise UserError(
                f"{path}: {name[:60]!r} is neither `source` nor a table of a type: use {', '.join(WHITE_CELLS)}"
            )
        if unknown := entry.keys() - {"percent", "absolute"}:
            raise UserError(f"{path}: [{name}] has {min(unknown)[:60]!r}: use percent and absolute")
        found[name] = Range(
            _pair(path, name, "percent", entry.get("percent"), 100.0),
            _pair(path, name, "absolute", entry.get("absolute"), math.inf),
        )
    return Ranges(source, found)


def _pair(path: Path, label: str, key: str, value: object, most: float) -> tuple[float, float] | None:
    if value is None:
        return None
    numbers = [each for each in value if type(each) in (int, float)] if isinstance(value, list) else []
    if len(numbers) != 2 or not isinstance(value, list) or len(value) != 2 or not 0 <= numbers[0] < numbers[1] <= most:
        raise UserError(f"{path}: [{label}] {key} must be [low, high] with 0 <= low < high, such as [1, 2.5]")
    return float(numbers[0]), float(numbers[1])
