"""Between dataclasses and the values that `json` reads and writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from typing import Any, TypeVar

T = TypeVar("T")


def plain(value: Any) -> Any:
    """Convert dataclasses to dictionaries and tuples to lists, at every depth: what `json` reads back."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(one) for one in value]
    return value


def values_of(record: Any) -> dict[str, Any]:
    """Return the attributes of a dataclass by name, as `plain` converts them."""
    return {field.name: plain(getattr(record, field.name)) for field in fields(record)}


def take(kind: type[T], values: Mapping[str, Any]) -> T:
    """Make a dataclass of the values under its fields' names; other keys are ignored.

    Raises:
        TypeError: a field without a default has no value.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: values[name] for name in names if name in values})


def pair(values: Sequence[float] | None) -> tuple[float, float] | None:
    """Return two numbers of a JSON list as a tuple; None for null."""
    return None if values is None else (values[0], values[1])
