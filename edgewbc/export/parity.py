"""Whether the same network answers the same wherever it runs, asked with the same pictures.

In f32 the three runtimes differ in rounding alone, and a difference above `LIMIT` in a probability is a fault of the
conversion: a gate. In int8 answers do differ; how much is counted on validation and told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.errors import GateError
from edgewbc.metrics import mcnemar
from edgewbc.runtime.predictor import Predictor

LIMIT = 1e-4
"""Largest difference in a probability between two runtimes in f32."""

Probabilities = NDArray[np.float32]
"""One row a picture: (n, K)."""


def ask(models: Mapping[str, Predictor], batches: Iterable[NDArray[np.uint8]]) -> dict[str, Probabilities]:
    """Ask every model of every batch; each picture is read once. There must be at least one batch."""
    said: dict[str, list[Probabilities]] = {name: [] for name in models}
    for batch in batches:
        for name, model in models.items():
            said[name].append(model(batch).probabilities)
    return {name: np.concatenate(parts) for name, parts in said.items()}


def compare(answers: Mapping[str, Probabilities], limit: float = LIMIT) -> list[dict[str, Any]]:
    """Hold every two answers against each other.

    Args:
        answers: by the name of who gave them, for the same pictures in the same order.
        limit: largest difference in a probability that is allowed.

    Returns:
        for each pair: `pair` (two names), `pictures`, `largest_difference`, `agreement` (share of equal labels).

    Raises:
        GateError: two differ by more, or an answer is not a number.
    """
    rows = []
    for first, second in combinations(answers, 2):
        row = {"pair": [first, second], **difference(answers[first], answers[second])}
        if not row["largest_difference"] <= limit:  # so written, NaN fails too
            raise GateError(
                f"parity: {first} and {second} differ by {row['largest_difference']:.2g} in a probability of the same "
                f"picture (no. {row['picture']} of {row['pictures']}), and {limit:g} is the most allowed: "
                "the conversion is at fault, nothing was written"
            )
        del row["picture"]
        rows.append(row)
    return rows


def difference(first: Probabilities, second: Probabilities) -> dict[str, Any]:
    """How far two answers to the same pictures are apart.

    Returns:
        pictures, largest_difference (in a probability; NaN if an answer has one), picture (where, from 1), agreement
        (share of pictures given the same label).
    """
    gaps = np.abs(first.astype(np.float64) - second).max(1)
    worst = int(gaps.argmax())  # the first NaN, if there is one
    return {
        "pictures": len(gaps),
        "largest_difference": float(gaps[worst]),
        "picture": worst + 1,
        "agreement": float((first.argmax(1) == second.argmax(1)).mean()),
    }


def drop(truth: NDArray[np.int64], before: Probabilities, after: Probabilities) -> dict[str, Any]:
    """What is lost on labelled pictures from one model (f32) to another (int8).

    Returns:
        drop (accuracy lost, as a share; negative where it is gained), agreement, largest_difference, mcnemar (`b`: only
        the first is right, `c`: only the second, `p`).
    """
    apart = difference(before, after)
    right = [said.argmax(1) == truth for said in (before, after)]
    return {
        "drop": (int(right[0].sum()) - int(right[1].sum())) / len(truth),
        "agreement": apart["agreement"],
        "largest_difference": apart["largest_difference"],
        "mcnemar": mcnemar(*right),
    }
