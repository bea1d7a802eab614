"""What the tests of the sources with annotated boxes share."""

from __future__ import annotations

from pathlib import Path

SIZE = (20, 40)
"""Height and width of the images."""


def write(path: Path, text: str) -> None:
    """Write a text file, and create its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
