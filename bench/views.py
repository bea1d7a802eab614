"""What looking at several views of a cell is worth: `python -m bench.views $EDGEWBC_DATA`.

A bundle that locates cells takes a cell's label from the mean of its views, and accepts it only if all of them give it
enough probability (`edgewbc.smear.views`, `edgewbc.decision.views`).

Labels: how many are right by the upright view, and how many by the mean of all, on the validation cells of PBC, which
decided between the two, and on cells of other laboratories (JTSC; BCCD, unless the bundle was trained on it).

Acceptance: the study compares one view, the quarter turns, the other scales, and all of them, each with a review
threshold of its own that is chosen on the same validation cells in the same way: so it costs about as many accepted
cells of the training laboratory each time. What differs is how many wrong labels are accepted on cells of other
laboratories, and how many cells of PBC of kinds that the bundle does not know, each of which is wrong. Unfamiliar cells
are never accepted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.console import RESULTS
from bench.lab_cells import manifests
from bench.travel.cells import ENOUGH
from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.console import progress, say
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.data.sources import make
from edgewbc.decision import review_threshold, shots
from edgewbc.decision.calibration import Calibration
from edgewbc.decision.views import Judged, LabelFrom, judge
from edgewbc.errors import UserError, exit_code
from edgewbc.export import decision
from edgewbc.metrics import Accuracy, mcnemar, wilson
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.smear.views import Views
from edgewbc.utils import resources
from edgewbc.utils.files import write_json
from edgewbc.utils.text import interval, markdown, percent

FORMAT = 2
HOME = "pbc"
SETS = ("jtsc", "bccd")
UNKNOWN = "pbc, unknown kinds"
BUNDLES = ("wbc5-travel", "wbc8-travel")


@dataclass(frozen=True, eq=False)
class Looked:
    """Cells of a set as a bundle sees them.

    Attributes:
        truth: class indices, (n,); -1 for a kind that the bundle does not know.
        probabilities: of the upright view, (n, K).
        others: of the other views, (n, m, K).
        familiar: whether a cell looks like those of training, (n,).
        calibration: of the bundle's probabilities.
    """

    truth: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    others: NDArray[np.float32]
    familiar: NDArray[np.bool_]
    calibration: Calibration

    def judged(self, chosen: Sequence[int]) -> Judged:
        """Decide on the cells by the upright view and the chosen others, with labels from their mean."""
        return judge(self.probabilities, self.others[:, list(chosen)], LabelFrom.MEAN, self.calibration.apply)

    def accepted(self, chosen: Sequence[int], threshold: float) -> dict[str, Any]:
        """Return `n` cells, those that are `accepted`, and the `wrong` ones of those, with Wilson 95 % intervals."""
        judged = self.judged(chosen)
        taken = self.familiar & (judged.sure >= threshold)
        wrong = int((taken & (judged.probabilities.argmax(1) != self.truth)).sum())
        count = int(taken.sum())
        return {"n": len(self.truth), "accepted": count, "wrong": wrong, "interval": wilson(wrong, count)}

    def labels(self) -> dict[str, Any]:
        """Return the accuracy of the labels, and mean recall (`macro`), by the upright view and by the mean of all.

        `mcnemar` has the cells that only the upright view (`b`) or only the mean (`c`) labels correctly. Mean recall is
        over classes with `ENOUGH` cells.
        """
        predicted = {each: each.probabilities(self.probabilities, self.others).argmax(1) for each in LabelFrom}
        counted = np.flatnonzero(np.bincount(self.truth) >= ENOUGH)
        right = [predicted[each] == self.truth for each in (LabelFrom.UPRIGHT, LabelFrom.MEAN)]
        test = mcnemar(*right)
        return {
            **{
                str(each): {
                    **Accuracy.of(self.truth, found).to_json(),
                    "macro": shots.scores(found, self.truth, counted)[1] if len(counted) else None,
                }
                for each, found in predicted.items()
            },
            "mcnemar": {"b": test.b, "c": test.c, "p": test.p},
        }


def choices(views: Views) -> dict[str, tuple[int, ...]]:
    """Return which of the other views (`Views.others`) are looked at, by what a reader calls it."""
    turned, every = tuple(range(views.turns - 1)), tuple(range(len(views) - 1))
    return {
        "one view": (),
        f"{views.turns} turns": turned,
        f"{len(views.scales) + 1} scales": every[len(turned) :],
        f"all {len(views)} views": every,
    }


def compare(home: Looked, others: Mapping[str, Looked], views: Views) -> list[dict[str, Any]]:
    """Return a row for each choice of views, each with its own threshold, chosen on the cells of `home`.

    Args:
        home: validation cells of the training laboratory.
        others: cells of other laboratories, by set.
        views: of the bundle.
    """
    rows = []
    for name, chosen in choices(views).items():
        judged = home.judged(chosen)
        threshold = review_threshold.choose(judged.probabilities, home.truth, judged.sure)
        counted = {key: each.accepted(chosen, threshold) for key, each in {HOME: home, **others}.items()}
        rows.append({"views": name, "threshold": threshold, "sets": counted})
    return rows


def look(bundle: Bundle, views: Views, manifest: Manifest, entries: Sequence[Entry]) -> Looked:
    """Run a bundle's network on all views of cells.

    Raises:
        UserError: an image has changed, or the bundle cannot tell unfamiliar cells.
    """
    familiarity, calibration = bundle.familiarity(), bundle.manifest.calibration
    if familiarity is None or calibration is None:
        raise UserError(f"{bundle.path}: has no calibration or no familiarity statistics")
    seen = (OpenVINOPredictor.from_bundle(bundle), manifest, entries, bundle.pixels)
    upright = decision.predict(*seen, progress, bundle.name)
    others = decision.predict_views(*seen, views, progress, f"{bundle.name}, other views")
    return Looked(
        np.array([bundle.classes.index(each.label) if each.label in bundle.classes else -1 for each in entries]),
        upright.probabilities,
        others,
        ~familiarity.unfamiliar(upright.features),
        calibration,
    )


def table(bundles: Sequence[Mapping[str, Any]]) -> str:
    """Return the results as a Markdown table."""
    lines = []
    for bundle in bundles:
        for row in bundle["rows"]:
            for name, found in row["sets"].items():
                share = "-" if not found["accepted"] else percent(found["wrong"] / found["accepted"], 1)
                bounds = "" if found["interval"] is None else f" ({interval(found['interval'], 1)})"
                lines.append(
                    [
                        bundle["bundle"],
                        _shown(name),
                        row["views"],
                        f"{row['threshold']:.3f}",
                        f"{found['accepted']} of {found['n']}",
                        percent(found["accepted"] / found["n"], 1),
                        str(found["wrong"]),
                        share + bounds,
                    ]
                )
    lines.sort(key=lambda line: [*map(str, line[:2])])
    header = ("bundle", "images", "looked at", "threshold", "accepted", "share", "wrong", "wrong among accepted")
    return markdown(header, lines, range(3, len(header)))


def label_table(bundles: Sequence[Mapping[str, Any]]) -> str:
    """Return the accuracy of labels by the upright view and by the mean of all as a Markdown table."""
    lines = []
    for bundle in bundles:
        for name, found in bundle["labels"].items():
            cells = [bundle["bundle"], _shown(name)]
            for each in LabelFrom:
                one = found[str(each)]
                macro = "-" if one["macro"] is None else percent(one["macro"], 2)
                cells += [f"{one['correct']} of {one['n']} ({percent(one['accuracy'], 2)})", macro]
            test = found["mcnemar"]
            lines.append([*cells, f"{test['b']} : {test['c']}", f"{test['p']:.2g}"])
    header = ("bundle", "images", "upright view", "mean recall", "mean of views", "mean recall", "only one right", "p")
    return markdown(header, lines, range(2, len(header)))


def _shown(name: str) -> str:
    return f"{name}, validation" if name == HOME else name


def section(values: Mapping[str, Any]) -> str:
    """Return the part of docs/results.md for a file of results."""
    labeled = [bundle for bundle in values["bundles"] if "labels" in bundle]  # not in files of format 1
    return (_labels(labeled) if labeled else "") + (
        f"{table(values['bundles'])}\n\n"
        f"The label is that of the {'mean of the views that are looked at' if labeled else 'upright view'}. It is "
        "accepted if the lowest probability that any of the views that are looked at gives it reaches the threshold, "
        "and the cell is familiar. Each choice of views has its own "
        "threshold, chosen on the same validation cells of PBC in the same way. Other reasons for review (image, "
        "microscope, cell cut off) are left out here. JTSC was looked at when the views were chosen; sets that a "
        "bundle was trained on are left out. Unknown kinds are those of the eight types of PBC that a bundle does not "
        "know, of the validation split: each accepted one is wrong. `travel-pbc` is the network that `wbc5-travel` was "
        "made from, trained on PBC alone."
    )


def _labels(bundles: Sequence[Mapping[str, Any]]) -> str:
    return (
        f"Labels:\n\n{label_table(bundles)}\n\n"
        "Right labels by the upright view of a cell alone and by the mean of the probabilities of all its views, which "
        "`classify` takes; only one right: cells that the upright view alone, or the mean alone, labels correctly, "
        "with McNemar's exact p. The validation cells decided between the two; the other sets were looked at too.\n\n"
        "Acceptance:\n\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study and write `bench/results/views.json`."""
    parser = argparse.ArgumentParser(prog="python -m bench.views", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of public sets (pbc, jtsc, bccd)")
    parser.add_argument("--bundle", type=Path, action="append", help=f"may be repeated (default: {', '.join(BUNDLES)})")
    parser.add_argument("--out", type=Path, default=RESULTS / "views.json")
    given = parser.parse_args(arguments)

    def step() -> None:
        released = resources.released_bundles()
        found = []
        for path in given.bundle or [released[name] for name in BUNDLES]:
            bundle = Bundle.open(path)
            views = Views.of(bundle.pixels)
            if views is None:
                raise UserError(f"{path}: does not locate cells: give a bundle with the crop `cell`")
            sets = [name for name in SETS if name not in (bundle.manifest.source or "").split(" + ")]
            home, *others = (look(bundle, views, *_cells(given.data, name, bundle)) for name in (HOME, *sets))
            elsewhere = dict(zip(sets, others, strict=True))
            labels = {name: each.labels() for name, each in {HOME: home, **elsewhere}.items()}
            strange, entries = _unknown(given.data, bundle)
            if entries:
                elsewhere[UNKNOWN] = look(bundle, views, strange, entries)
            about = {"bundle": bundle.name, "model_sha256": bundle.model_sha256()}
            found.append({**about, "labels": labels, "rows": compare(home, elsewhere, views)})
        write_json(given.out, {"format": FORMAT, "bundles": found})
        say(label_table(found))
        say(table(found))

    return exit_code(step)


def _cells(data: Path, name: str, bundle: Bundle) -> tuple[Manifest, list[Entry]]:
    """Return the manifest of a set and its cells of the bundle's classes, each image once."""
    manifest, entries = manifests(data, name, bundle)
    return manifest, list({entry.sha256 + str(entry.box): entry for entry in entries}.values())


def _unknown(data: Path, bundle: Bundle) -> tuple[Manifest, list[Entry]]:
    """Return the validation cells of PBC of kinds that a bundle does not know."""
    manifest = make("pbc", data / "pbc", protocol="published8")
    return manifest, [entry for entry in manifest.split("val") if entry.label not in bundle.classes]


if __name__ == "__main__":
    sys.exit(main())
