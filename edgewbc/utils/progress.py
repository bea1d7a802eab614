"""How a long step shows how far it is: it goes through its items by a function that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Progress = Callable[[Iterable[Any], str, int | None], Iterable[Any]]
"""Goes through items, showing how far it is: what, and how many in all (`cli.console.progress`)."""


def quiet(items: Iterable[Any], what: str, total: int | None = None) -> Iterable[Any]:
    """A `Progress` that shows nothing."""
    return items
