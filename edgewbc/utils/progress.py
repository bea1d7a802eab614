"""The type of functions that show the progress of a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Progress = Callable[[Iterable[Any], str, int | None], Iterable[Any]]
"""Yields the items and shows progress; takes the items, a description and their number (`cli.console.progress`)."""


def quiet(items: Iterable[Any], what: str, total: int | None = None) -> Iterable[Any]:
    """Return the items unchanged: a `Progress` that shows nothing."""
    return items
