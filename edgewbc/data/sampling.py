"""A few entries of many: drawn, each class as often as the others, or spread evenly over all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgewbc.data.manifest import Entry


def balanced(entries: Sequence[Entry], count: int, seed: int = 0) -> list[Entry]:
    """Draw up to `count` entries, one class after the other in turn; a class with no more entries is passed over.

    The same entries, count and seed give the same draw. Raises ValueError for a count below 1.
    """
    if count < 1:
        raise ValueError(f"a draw of {count} entries")
    random = np.random.default_rng(seed)
    by_label: dict[str, list[Entry]] = {}
    for entry in entries:
        by_label.setdefault(entry.label, []).append(entry)
    shuffled = [[found[i] for i in random.permutation(len(found))] for _, found in sorted(by_label.items())]
    rounds = max((len(found) for found in shuffled), default=0)
    turns = [found[turn] for turn in range(rounds) for found in shuffled if turn < len(found)]
    return turns[:count]


def spread(entries: Sequence[Entry], limit: int | None) -> list[Entry]:
    """At most `limit` entries, from the first to the last at equal distances, in their order; all of them for None."""
    if limit is None or limit >= len(entries):
        return list(entries)
    return [entries[i] for i in np.linspace(0, len(entries) - 1, limit).round().astype(int)]
