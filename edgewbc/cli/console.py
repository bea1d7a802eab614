"""Output that all commands share: lines and progress bars on stderr, JSON results on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from edgewbc.utils.text import printable

T = TypeVar("T")


def say(text: str) -> None:
    """Print a message for the user on stderr; stdout is for results. Line ends stay, other codes become escapes."""
    print("\n".join(map(printable, text.split("\n"))), file=sys.stderr, flush=True)


def left_out(files: Sequence[tuple[object, str]]) -> None:
    """Report files that were not used, each with the reason: the first ten on a line each, and how many more."""
    for path, reason in files[:10]:
        say(f"left out: {printable(path)}: {printable(reason)}")
    if len(files) > 10:
        say(f"and {len(files) - 10} more")


def wrote(path: Path) -> None:
    """Report a file that the command wrote, on stderr."""
    say(f"wrote {path}")


def emit(value: Any) -> None:
    """Print a result as one indented JSON value on stdout."""
    print(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))


@contextmanager
def restartable() -> Iterator[None]:
    """On Ctrl-C within the block, say that nothing was written and how to start again."""
    try:
        yield
    except KeyboardInterrupt:
        say("nothing was written; run the same command to start again")
        raise


def progress(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` while showing a progress bar on stderr; no bar is shown if stderr is not a terminal.

    Args:
        items: what to iterate over.
        what: label of the bar.
        total: number of items; None uses the length if `items` is a sequence.
    """
    if total is None and isinstance(items, Sequence):
        total = len(items)
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=what, total=total, console=Console(stderr=True), transient=True)
