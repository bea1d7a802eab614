"""What every command shares: where words go, progress on stderr, JSON on stdout, errors into exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def say(text: str) -> None:
    """A line for a person, on stderr: stdout is for results."""
    print(text, file=sys.stderr, flush=True)


def emit(value: Any) -> None:
    """A result for a machine: one JSON value on stdout, UTF-8."""
    print(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))


def progress(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Show a bar on stderr while going through `items`; nothing when stderr is not a terminal."""
    if total is None and isinstance(items, Sequence):
        total = len(items)
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=what, total=total, console=Console(stderr=True), transient=True)
