"""Figures in the text of README.md and of the first page: those of the results."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


def other_laboratories() -> dict[tuple[str, str, str], float]:
    """Return the percentage of correct cells by bundle, crop and set, from the table in docs/results.md."""
    text = (TOP / "docs" / "results.md").read_text(encoding="utf-8")
    table = text.split("## Images of other laboratories")[1]
    rows = re.findall(r"^\| ([\w-]+), ([^|]*?) \| (\w+) \| (\d+) of (\d+) \|", table, re.MULTILINE)
    return {(name, crop, data): 100 * int(right) / int(n) for name, crop, data, right, n in rows}


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_accuracy_on_other_laboratories(page: str) -> None:
    """The range of the bundles for cropped cells on both sets, and `wbc5-travel` on the set it was not trained on."""
    found = other_laboratories()
    cropped = [
        share
        for (name, crop, data), share in found.items()
        if name in ("wbc5-edge", "wbc5-accurate") and crop == "own crop" and data in ("jtsc", "bccd")
    ]
    assert len(cropped) == 4
    text = " ".join((TOP / page).read_text(encoding="utf-8").replace(">", " ").split())
    assert f"classify only {min(cropped):.0f}-{max(cropped):.0f} of 100 cells correctly" in text
    travel = found["wbc5-travel", "trained on canonical crops", "jtsc"]
    assert f"{travel:.0f} of 100 on the one that it was not trained on" in text
    assert ("wbc5-travel", "trained on canonical crops", "bccd") not in found
