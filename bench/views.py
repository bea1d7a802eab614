"""What looking at several views of a cell is worth: `python -m bench.views $EDGEWBC_DATA`.

A bundle that locates cells accepts a label only if all its views of the cell give it enough probability
(`edgewbc.smear.views`). The study compares one view, the quarter turns, the other scales, and all of them, each with a
review threshold of its own that is chosen on the same validation cells in the same way: so it costs about as many
accepted cells of the training laboratory each time. What differs is how many wrong labels are accepted on cells of
other laboratories (JTSC; BCCD, unless the bundle was trained on it), and how many cells of PBC of kinds that the bundle
does not know, each of which is wrong. Unfamiliar cells are never accepted.
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
from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.console import progress, say
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.data.sources import make
from edgewbc.decision import review_threshold
from edgewbc.decision.views import lowest
from edgewbc.errors import UserError, exit_code
from edgewbc.export import decision
from edgewbc.metrics import wilson
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.smear.views import Views
from edgewbc.utils import resources
from edgewbc.utils.files import write_json
from edgewbc.utils.text import interval, markdown, percent

FORMAT = 1
HOME = "pbc"
SETS = ("jtsc", "bccd")
UNKNOWN = "pbc, unknown kinds"
BUNDLES = ("wbc5-travel", "wbc8-travel")


@dataclass(frozen=True, eq=False)
class Looked:
    """Cells of a set as a bundle sees them.

    Attributes:
        truth: class indices, (n,); -1 for a kind that the bundle does not know.
        probabilities: of the upright view, calibrated, (n, K).
        others: of the other views, calibrated, (n, m, K).
        familiar: whether a cell looks like those of training, (n,).
    """

    truth: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    others: NDArray[np.float32]
    familiar: NDArray[np.bool_]

    def sure(self, chosen: Sequence[int]) -> NDArray[np.float64]:
        """Return the lowest probability that the upright view and the chosen others give the label, (n,)."""
        return np.asarray(lowest(self.probabilities, self.others[:, list(chosen)]), dtype=np.float64)

    def accepted(self, chosen: Sequence[int], threshold: float) -> dict[str, Any]:
        """Return `n` cells, those that are `accepted`, and the `wrong` ones of those, with Wilson 95 % intervals."""
        taken = self.familiar & (self.sure(chosen) >= threshold)
        wrong = int((taken & (self.probabilities.argmax(1) != self.truth)).sum())
        count = int(taken.sum())
        return {"n": len(self.truth), "accepted": count, "wrong": wrong, "interval": wilson(wrong, count)}


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
        threshold = review_threshold.choose(home.probabilities, home.truth, home.sure(chosen))
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
        calibration.apply(upright.probabilities),
        calibration.apply(others),
        ~familiarity.unfamiliar(upright.features),
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
                        f"{name}, validation" if name == HOME else name,
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


def section(values: Mapping[str, Any]) -> str:
    """Return the part of docs/results.md for a file of results."""
    return (
        f"{table(values['bundles'])}\n\n"
        "A label is accepted if the lowest probability that any view gives it reaches the threshold, and the cell is "
        "familiar. Each choice of views has its own threshold, chosen on the same validation cells of PBC in the same "
        "way. Other reasons for review (image, microscope, cell cut off) are left out here. JTSC was looked at when "
        "the views were chosen; sets that a bundle was trained on are left out. Unknown kinds are those of the "
        "eight types of PBC that a bundle does not know, of the validation split: each accepted one is wrong. "
        "`travel-pbc` is the network that `wbc5-travel` was made from, trained on PBC alone."
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
            strange, entries = _unknown(given.data, bundle)
            if entries:
                elsewhere[UNKNOWN] = look(bundle, views, strange, entries)
            rows = compare(home, elsewhere, views)
            found.append({"bundle": bundle.name, "model_sha256": bundle.model_sha256(), "rows": rows})
        write_json(given.out, {"format": FORMAT, "bundles": found})
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
