"""What adapting gains: `python -m bench.adapt $EDGEWBC_DATA`.

Labeled cells: repeated draws of 1 to 20 cells per class of JTSC (another laboratory), measured on the cells that were
not drawn; and all of them, each tenth held out in turn, which tells what more labels could reach, errors in them
included. Unlabeled cells: PBC's validation cells as a laboratory of its own, JTSC and the cells of BCCD, before and
after self-training, which must never cost more than a point. Settings are weighted within the drawn cells; the rest was
chosen on PBC validation and BCCD, but that cells are judged by the mean of their views was seen on JTSC too.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench import lab_cells
from bench.console import RESULTS
from bench.lab_cells import LabCells
from edgewbc.cli.console import progress, say
from edgewbc.decision import adapt, self_training, shots
from edgewbc.decision.shots import ShotsRow
from edgewbc.errors import exit_code
from edgewbc.metrics import Accuracy, McNemar, Spread, mcnemar
from edgewbc.utils.files import write_json
from edgewbc.utils.text import markdown, percent, table

FORMAT = 1
SHOTS_SET = "jtsc"
MAX_FOLDS = 10
UNLABELED_SETS = ("pbc", "jtsc", "bccd")


@dataclass(frozen=True)
class UnlabeledRow:
    """Self-training on the cells of a set without their labels, measured on the same cells.

    Attributes:
        before, after: accuracy.
        macro_before, macro_after: mean recall over the classes with enough cells.
        mcnemar: cells that are right before only, and after only.
        corrected: whether there was enough to learn from.
    """

    before: Accuracy
    after: Accuracy
    macro_before: float
    macro_after: float
    mcnemar: McNemar
    corrected: bool

    @classmethod
    def of(cls, lab: LabCells) -> UnlabeledRow:
        """Train on all cells of a set."""
        truth, before = lab.cells.labels, lab.old_labels
        found = self_training.correct(lab.cells.features, lab.cells.judged, lab.head, lab.unfamiliar)
        after = before
        if found is not None:
            after = shots.labels_of(found.logits(lab.head, lab.cells.judged), lab.label_from)
        return cls(
            Accuracy.of(truth, before),
            Accuracy.of(truth, after),
            shots.scores(before, truth, lab.classes)[1],
            shots.scores(after, truth, lab.classes)[1],
            mcnemar(before == truth, after == truth),
            found is not None,
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "before": self.before.to_json(), "after": self.after.to_json()}


def with_all_labels(lab: LabCells) -> dict[str, Any]:
    """Return the cross-validated accuracy, and mean recall, of adapting to all cells but a tenth, as JSON values."""
    found = adapt.cross_validate(lab.cells, lab.head, folds=MAX_FOLDS)
    out = found.held_out
    predicted, truth = found.judged[out].argmax(1), lab.cells.labels[out]
    return {
        **Accuracy.of(truth, predicted).to_json(),
        "folds": MAX_FOLDS,
        "macro": shots.scores(predicted, truth, lab.classes)[1],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study and write `bench/results/adapt.json`."""
    parser = lab_cells.arguments(
        "python -m bench.adapt", __doc__.splitlines()[0], "pbc, jtsc, bccd", RESULTS / "adapt.json", shots.REPEATS
    )
    given = parser.parse_args(arguments)

    def step() -> None:
        labeled, unlabeled = [], []
        for bundle in lab_cells.versions(given.bundle, given.data):
            for name in UNLABELED_SETS:
                if name == "bccd" and bundle.pixels.crop != "cell":
                    continue  # fields: the crop must find the cell
                lab = lab_cells.load(bundle, given.data, name, given.work, progress)
                row = UnlabeledRow.of(lab)
                unlabeled.append({**lab.about(), **row.to_json()})
                say(
                    f"{lab.bundle}, crop {lab.crop}, {lab.set} unlabeled: {percent(row.before.accuracy)} -> "
                    f"{percent(row.after.accuracy)}, mean recall {percent(row.macro_before)} -> "
                    f"{percent(row.macro_after)}"
                )
                if name == SHOTS_SET:
                    rows = shots.evaluate(
                        lab.cells, lab.head, before=lab.label_from, repeats=given.repeats, progress=progress
                    )
                    most = with_all_labels(lab)
                    labeled.append({**lab.about(), "rows": [each.to_json() for each in rows], "all": most})
                    say(text(rows))
                    say(f"all cells, {MAX_FOLDS} folds: mean recall {percent(most['macro'])}")
        write_json(given.out, {"format": FORMAT, "labeled": labeled, "unlabeled": unlabeled})

    return exit_code(step)


def section(values: Mapping[str, Any]) -> str:
    """Return the part of docs/results.md for a file of results."""
    labeled = []
    for study in values["labeled"]:
        about = [_name(study), study["set"]]
        for row in study["rows"]:
            before, after = (Spread(**row[key]) for key in ("macro_before", "macro"))
            labeled.append([*about, str(row["shots"]), lab_cells.shown(before), lab_cells.shown(after)])
        labeled.append([*about, f"all, {study['all']['folds']} folds", "", f"{100 * study['all']['macro']:.1f}"])
    unlabeled = []
    for row in values["unlabeled"]:
        test = row["mcnemar"]
        correct = (f"{row[key]['correct']} of {row[key]['n']}" for key in ("before", "after"))
        macro = (f"{100 * row[key]:.1f}" for key in ("macro_before", "macro_after"))
        unlabeled.append([_name(row), row["set"], *correct, *macro, str(test["c"]), str(test["b"])])
    few = ("bundle, crop", "images", "labeled cells per class", "mean recall before, %", "after, %")
    none = ("bundle, crop", "images", "correct before", "after", "mean recall before, %", "after, %", "gained", "lost")
    return "\n\n".join(
        (
            "Adapted to labeled cells, and measured on the others; means and standard deviations over repeated draws. "
            "The last row of each bundle has the labels of all cells but a tenth, each tenth in turn: what more labels "
            "of these images could reach, errors in them included.",
            markdown(few, labeled, range(2, len(few))),
            "Adapted to all cells of a set without their labels (`adapt --unlabeled`), and measured on the same cells. "
            "BCCD is among the training images of `wbc5-travel`, and PBC among those of all.",
            markdown(none, unlabeled, range(2, len(none))),
        )
    )


def _name(about: Mapping[str, Any]) -> str:
    return f"{about['bundle']}, {about['crop']}"


def text(rows: Sequence[ShotsRow]) -> str:
    """Return the rows as a table."""
    lines = [
        [str(row.shots), *(lab_cells.shown(each) for each in (row.macro_before, row.macro, row.accuracy))]
        for row in rows
    ]
    return table(["cells per class", "mean recall before", "mean recall", "accuracy"], lines, left=0)


if __name__ == "__main__":
    sys.exit(main())
