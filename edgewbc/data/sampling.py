"""Select a few of many entries: balanced over the classes, or evenly spaced."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgewbc.data.manifest import Entry


def balanced(entries: Sequence[Entry], count: int, seed: int = 0) -> list[Entry]:
    """Draw up to `count` entries, the classes taking turns; a class without further entries is skipped.

    The same entries, count and seed give the same result. Raises ValueError for a count below 1.
    """
    if count < 1:
        raise ValueError(f"count is {count}: expected at least 1")
    random = np.random.default_rng(seed)
    by_label: dict[str, list[Entry]] = {}
    for entry in entries:
        by_label.setdefault(entry.label, []).append(entry)
    shuffled = [[found[i] for i in random.permutation(len(found))] for _, found in sorted(by_label.items())]
    rounds = max((len(found) for found in shuffled), default=0)
    turns = [found[turn] for turn in range(rounds) for found in shuffled if turn < len(found)]
    return turns[:count]


def spread(entries: Sequence[Entry], limit: int | None) -> list[Entry]:
    """Return at most `limit` entries, evenly spaced from the first to the last; all of them if `limit` is None."""
    if limit is None or limit >= len(entries):
        return list(entries)
    return [entries[i] for i in np.linspace(0, len(entries) - 1, limit).round().astype(int)]
