"""Figures for the README: drawn the same way, and the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgewbc.extras import need
from edgewbc.files import whole


@contextmanager
def drawn(path: Path, width: float, height: float, what: str) -> Iterator[Any]:
    """A matplotlib figure to draw on, written when the block ends: SVG or PNG, by the suffix.

    Args:
        width, height: inches.
        what: it is, for the message.

    Raises:
        UserError: matplotlib is not installed.
    """
    need("matplotlib", what)
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # No date, and ids from a fixed salt.
    with mpl.rc_context({"svg.hashsalt": "edgewbc", "svg.fonttype": "none", "font.size": 10}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        with whole(path) as temporary:
            metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
            figure.savefig(temporary, format=path.suffix.lstrip("."), metadata=metadata, dpi=150)
