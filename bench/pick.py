"""Is it worth picking the cells to label? `python -m bench.pick $EDGEWBC_DATA`: picked against drawn at random.

For each number of cells, cells of JTSC (another laboratory) are picked as `edgewbc pick` does, or drawn at random; the
bundle is adapted to them as `edgewbc adapt` does, and the mean recall is measured on the cells that were not chosen.
The k-means start of a repeat has the seed of its random draw. Nothing is chosen on JTSC.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import lab_cells
from bench.console import RESULTS
from bench.lab_cells import LabCells, shown
from edgewbc.cli.console import progress, say
from edgewbc.decision import adapt, pick, shots
from edgewbc.decision.views import LabelFrom
from edgewbc.errors import exit_code
from edgewbc.metrics import Spread
from edgewbc.utils.files import write_json
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import markdown, table

FORMAT = 1
NUMBERS = (10, 20, 50)
REPEATS = 20
SET = "jtsc"


@dataclass(frozen=True)
class PickRow:
    """The mean recall after adapting to so many cells, picked and drawn at random.

    Attributes:
        cells: number of labeled cells.
        repeats: number of repeats.
        before: mean recall of the old head on all cells.
        random, picked: mean recall on the cells that were not chosen.
        difference: picked minus random, by repeat.
        better: repeats in which picking is better.
        classes_random, classes_picked: mean number of classes among the chosen cells.
    """

    cells: int
    repeats: int
    before: float
    random: Spread
    picked: Spread
    difference: Spread
    better: int
    classes_random: float
    classes_picked: float

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return asdict(self)


def measure(lab: LabCells, count: int, repeats: int = REPEATS, progress: Progress = quiet) -> PickRow:
    """Compare picked cells with random ones."""
    total, classes = len(lab.cells), lab.classes
    logits = lab.head.logits(lab.cells.features)
    values: dict[str, list[float]] = {"random": [], "picked": []}
    kinds: dict[str, list[int]] = {"random": [], "picked": []}
    for repeat in progress(range(repeats), f"{count} cells", repeats):
        drawn = np.random.default_rng([repeat, count]).permutation(total)[:count]
        chosen = {"random": drawn, "picked": pick.pick(lab.cells.features, logits, count, seed=repeat)}
        for name, places in chosen.items():
            values[name].append(after(lab, places, classes, repeat))
            kinds[name].append(len(np.unique(lab.cells.labels[places])))
    difference = [picked - random for picked, random in zip(values["picked"], values["random"], strict=True)]
    return PickRow(
        count,
        repeats,
        shots.scores(lab.old_labels, lab.cells.labels, classes)[1],
        Spread.of(values["random"]),
        Spread.of(values["picked"]),
        Spread.of(difference),
        sum(gain > 0 for gain in difference),
        float(np.mean(kinds["random"])),
        float(np.mean(kinds["picked"])),
    )


def after(lab: LabCells, places: NDArray[np.int64], classes: NDArray[np.int64], seed: int) -> float:
    """Return the mean recall on the other cells, of a head adapted to these; of the old head if they are one class."""
    own = lab.cells.take(places)
    rest = np.setdiff1d(np.arange(len(lab.cells)), places)
    test = lab.cells.take(rest)
    logits, label_from = lab.head.logits(test.judged), lab.label_from
    if len(np.unique(own.labels)) > 1:
        correction, _ = adapt.learn(own, lab.head, seed=seed)
        logits, label_from = correction.logits(lab.head, test.judged), LabelFrom.MEAN
    return shots.scores(shots.labels_of(logits, label_from), test.labels, classes)[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study and write `bench/results/pick.json`."""
    parser = lab_cells.arguments(
        "python -m bench.pick", __doc__.splitlines()[0], "pbc, jtsc", RESULTS / "pick.json", REPEATS
    )
    given = parser.parse_args(arguments)

    def step() -> None:
        studies = []
        for bundle in lab_cells.versions(given.bundle, given.data):
            lab = lab_cells.load(bundle, given.data, SET, given.work, progress)
            rows = [measure(lab, count, given.repeats, progress) for count in NUMBERS]
            studies.append({**lab.about(), "classes": len(lab.classes), "rows": [row.to_json() for row in rows]})
            say(f"{lab.bundle}, crop {lab.crop}, {lab.set}")
            say(text(rows))
        write_json(given.out, {"format": FORMAT, "studies": studies})

    return exit_code(step)


def section(values: Mapping[str, Any]) -> str:
    """Return the part of docs/results.md for a file of results."""
    lines = [
        [
            f"{study['bundle']}, {study['crop']}",
            study["set"],
            str(row["cells"]),
            f"{100 * row['before']:.1f}",
            *(shown(Spread(**row[key])) for key in ("random", "picked", "difference")),
            f"{row['better']} of {row['repeats']}",
        ]
        for study in values["studies"]
        for row in study["rows"]
    ]
    header = (
        "bundle, crop", "images", "cells labeled", "before, %", "random, %", "picked, %", "difference",
        "picked is better",
    )  # fmt: skip
    return (
        f"{markdown(header, lines, range(2, len(header)))}\n\n"
        "Mean recall of heads that were adapted to as many cells, drawn at random or picked by `edgewbc pick`, on the "
        "cells that neither took; means and standard deviations over repeated draws of the cells to choose from."
    )


def text(rows: Sequence[PickRow]) -> str:
    """Return the rows as a table."""
    lines = [
        [str(row.cells), f"{100 * row.before:.1f}", shown(row.random), shown(row.picked), shown(row.difference),
         f"{row.better} of {row.repeats}"]
        for row in rows
    ]  # fmt: skip
    return table(["cells", "before", "random", "picked", "difference", "better in"], lines, left=0)


if __name__ == "__main__":
    sys.exit(main())
