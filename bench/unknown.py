"""Measure how well bundles tell cells of kinds that they were not trained for: `python -m bench.unknown BUNDLE...`.

    edgewbc data manifest pbc PBC --protocol published8 --to manifests/pbc8
    edgewbc data manifest jtsc JTSC --to manifests/jtsc
    python -m bench.unknown export/bundles/wbc5-* --data manifests/pbc8 --beside manifests/jtsc \\
        --out bench/results/unknown.json

Cells of the test split whose label is a class of the bundle are *known*, the others are not. Three figures stand side
by side, with the bundle's own distances throughout:

- `unknown`: the bundle as it is. Kinds that its familiarity was shown (`shown`) are *known others* there, measured on
  images that were not shown.
- `left_out`: each kind in turn left out of what is shown. That is how well a kind is told that nobody knew of.
- `distance`: nothing shown at all.

For each kind, and for all of them together: the area under the ROC curve against the known cells, and the share that is
accepted where 95 % or 99 % of the known cells are, or at the bundle's own thresholds. A cell is *counted* if it is
familiar and its calibrated probability reaches the review threshold, in every view that the bundle looks at. The cells
of another laboratory (`--beside`) are of known types, and unknown only as images; they are reported as one set.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import inf, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc._version import __version__
from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.console import progress
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.data.sampling import spread
from edgewbc.decision.calibration import CalibrationScores
from edgewbc.decision.familiarity import Familiarity
from edgewbc.decision.familiarity_fit import MIN_HELD_OUT, show_others
from edgewbc.decision.views import judge
from edgewbc.errors import UserError, exit_code
from edgewbc.evaluation.load import LoadedModel, load
from edgewbc.export import decision
from edgewbc.metrics import Z95, wilson
from edgewbc.utils.files import write_json
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import markdown, percent, table

MAX_TRAIN = 3000
"""Training cells that familiarity is fitted to anew where a kind is left out, sampled evenly."""
KEPT = (0.95, 0.99)
"""Shares of the known cells that are accepted."""


@dataclass(frozen=True)
class Share:
    """A number of cells, its share of all, and the Wilson 95 % interval of the share."""

    n: int
    share: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, cells: NDArray[np.bool_]) -> Share:
        """Count the cells that are True, of one or more."""
        low, high = wilson(int(cells.sum()), len(cells)) or (0.0, 1.0)
        return cls(int(cells.sum()), round(float(cells.mean()), 5), (round(low, 5), round(high, 5)))


@dataclass(frozen=True)
class KindResult:
    """How well cells of one kind are told from the known ones.

    Attributes:
        n: number of cells.
        auroc, interval: area under the ROC curve against the known cells, and its 95 % interval (DeLong et al. 1988).
        accepted: cells that are accepted where so many percent of the known ones are, by `95` and `99`.
        familiar: cells that are accepted at the bundle's threshold.
        counted: familiar cells whose probability reaches the review threshold.
    """

    n: int
    auroc: float
    interval: tuple[float, float] | None
    accepted: dict[str, Share]
    familiar: Share
    counted: Share


@dataclass(frozen=True)
class BundleResult:
    """The measurement of one bundle.

    Attributes:
        bundle, model_sha256: name, and hash of the model that ran.
        features, components: number of features, and of components that they are reduced to.
        known: number of known cells; `unfamiliar` and `counted` are their shares.
        before, after: scores of the known cells' probabilities, as the network gives them and calibrated.
        unfamiliar_by_class: share of the known cells that are called unfamiliar, by class.
        shown: number of examples of each other kind that the bundle's familiarity was shown.
        unknown: by kind, and `all` of them together, for the bundle as it is.
        left_out: by kind, with familiarity that was shown the other kinds alone; `all`: numbers of cells added up, and
            the mean area, weighted by cells, without an interval. Empty if the training split has no other kinds.
        distance: as `unknown`, with nothing shown.
        beside: the cells of another laboratory, as one set; None if there are none.
    """

    bundle: str
    model_sha256: str
    features: int
    components: int
    known: int
    unfamiliar: Share
    counted: Share
    before: CalibrationScores
    after: CalibrationScores
    unfamiliar_by_class: dict[str, Share]
    shown: dict[str, int]
    unknown: dict[str, KindResult]
    left_out: dict[str, KindResult]
    distance: dict[str, KindResult]
    beside: KindResult | None


@dataclass(frozen=True, eq=False)
class _Cells:
    """Cells.

    Attributes:
        labels: by a person, (n,).
        features: of the upright view, (n, d).
        probabilities: that the network's label is taken from, (n, K), before calibration.
        sure: whether they reach the review threshold in every view that the bundle looks at, (n,).
    """

    labels: NDArray[np.str_]
    features: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    sure: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_]) -> _Cells:
        return _Cells(*(getattr(self, each.name)[chosen] for each in fields(self)))

    def kinds(self) -> dict[str, _Cells]:
        """Return the cells of each label, and `all` of them."""
        return {"all": self, **{str(kind): self.where(self.labels == kind) for kind in np.unique(self.labels)}}


def measure(path: Path, manifest: Manifest, beside: Manifest | None = None, progress: Progress = quiet) -> BundleResult:
    """Measure a bundle on the test split of a manifest that has further kinds of cells.

    Args:
        path: of the bundle.
        manifest: with labels that are classes of the bundle, and others.
        beside: cells of another laboratory, all of which are used.
        progress: reports progress.

    Raises:
        UserError: the bundle has no familiarity statistics, or the test split has no known or no unknown cells.
    """
    bundle = Bundle.open(path)
    familiarity = bundle.familiarity()
    if familiarity is None:
        raise UserError(f"{path}: has no familiarity statistics: run python -m bench.describe_bundles first")
    loaded = load(path)

    def calibrated(probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
        single = probabilities.astype(np.float32)
        return single if loaded.calibration is None else loaded.calibration.apply(single)

    def run(of: Manifest, entries: Sequence[Entry]) -> _Cells:
        seen = (loaded.predictor, of, entries, bundle.pixels)
        found = decision.predict(*seen, progress, bundle.name)
        views, label_from, others = bundle.manifest.views, bundle.manifest.label_from, None
        if views is not None:
            others = decision.predict_views(*seen, views, progress, f"{bundle.name}, other views")
        judged = judge(found.probabilities, others, label_from, calibrated)
        sure = judged.sure >= (bundle.manifest.review_below or 0.0)
        probabilities = label_from.probabilities(found.probabilities, others).astype(np.float32)
        return _Cells(np.array([entry.label for entry in entries]), found.features, probabilities, sure)

    cells = run(manifest, manifest.split("test"))
    is_known = np.isin(cells.labels, bundle.classes)
    known, unknown = cells.where(is_known), cells.where(~is_known)
    if not len(known.labels) or not len(unknown.labels):
        raise UserError(f"{path}: the test split needs cells of its classes and others: use --protocol published8")
    truth = np.array([bundle.classes.index(label) for label in known.labels])
    unfamiliar = familiarity.unfamiliar(known.features)
    alone = replace(familiarity, others=None, scale=familiarity.scale[:2], score_threshold=inf)
    without = _without_each(loaded, bundle, alone, manifest, run, progress)
    left_out = {kind: compare(each, known, unknown.where(unknown.labels == kind)) for kind, each in without.items()}
    return BundleResult(
        bundle=bundle.name,
        model_sha256=loaded.sha256,
        features=familiarity.center.size,
        components=familiarity.spread.size,
        known=len(known.labels),
        unfamiliar=Share.of(unfamiliar),
        counted=Share.of(known.sure & ~unfamiliar),
        before=CalibrationScores.of(known.probabilities, truth),
        after=CalibrationScores.of(calibrated(known.probabilities), truth),
        unfamiliar_by_class={
            name: Share.of(unfamiliar[known.labels == name]) for name in bundle.classes if (known.labels == name).any()
        },
        shown={} if familiarity.others is None else dict(familiarity.others.kinds),
        unknown={kind: compare(familiarity, known, each) for kind, each in unknown.kinds().items()},
        left_out={**left_out, **({"all": _together(left_out)} if left_out else {})},
        distance={kind: compare(alone, known, each) for kind, each in unknown.kinds().items()},
        beside=None if beside is None else compare(familiarity, known, run(beside, beside.entries)),
    )


def _without_each(
    loaded: LoadedModel,
    bundle: Bundle,
    alone: Familiarity,
    manifest: Manifest,
    run: Callable[[Manifest, Sequence[Entry]], _Cells],
    progress: Progress,
) -> dict[str, Familiarity]:
    """Return familiarity that was shown all other kinds of the training split but one, by the one that was not."""
    train, val = (
        [entry for entry in manifest.split(split) if entry.label in bundle.classes] for split in ("train", "val")
    )
    kinds = sorted({entry.label for entry in manifest.split("train")} - set(bundle.classes))
    if not kinds or len(val) < MIN_HELD_OUT:
        return {}
    train = spread(train, MAX_TRAIN)
    seen, held_out = run(manifest, train), run(manifest, val)
    labels = np.array([bundle.classes.index(label) for label in seen.labels], dtype=np.int64)
    examples = decision.examples(loaded.predictor, manifest, train, bundle.classes, bundle.pixels, manifest, progress)
    return {
        kind: show_others(alone, seen.features, labels, held_out.features, examples.without(kind)) for kind in kinds
    }


def compare(familiarity: Familiarity, known: _Cells, unknown: _Cells) -> KindResult:
    """Compare the scores of unknown cells with those of known ones."""
    ordinary, scores = familiarity.score(known.features), familiarity.score(unknown.features)
    area, interval = auroc(ordinary, scores)
    familiar = ~familiarity.unfamiliar(unknown.features)
    return KindResult(
        n=len(scores),
        auroc=area,
        interval=interval,
        accepted={f"{100 * kept:g}": Share.of(scores <= np.quantile(ordinary, kept)) for kept in KEPT},
        familiar=Share.of(familiar),
        counted=Share.of(familiar & unknown.sure),
    )


def _together(kinds: Mapping[str, KindResult]) -> KindResult:
    """Add up results of several kinds, each measured with another familiarity."""
    every, n = list(kinds.values()), sum(each.n for each in kinds.values())

    def added(shares: Sequence[Share]) -> Share:
        return Share.of(np.arange(n) < sum(share.n for share in shares))

    return KindResult(
        n=n,
        auroc=round(sum(each.n * each.auroc for each in every) / n, 5),
        interval=None,
        accepted={name: added([each.accepted[name] for each in every]) for name in every[0].accepted},
        familiar=added([each.familiar for each in every]),
        counted=added([each.counted for each in every]),
    )


def auroc(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> tuple[float, tuple[float, float]]:
    """Return the probability that an unknown cell scores higher than a known one, and its 95 % interval.

    DeLong et al. 1988, "Comparing the areas under two or more correlated receiver operating characteristic curves: a
    nonparametric approach", Biometrics 44:837. Ties count half.
    """
    higher = (np.sign(unknown[:, None] - known) + 1) / 2
    area, by_unknown, by_known = float(higher.mean()), higher.mean(1), higher.mean(0)
    deviation = sqrt(by_unknown.var(ddof=1) / len(unknown) + by_known.var(ddof=1) / len(known))
    low, high = max(0.0, area - Z95 * deviation), min(1.0, area + Z95 * deviation)
    return round(area, 5), (round(low, 5), round(high, 5))


SHOWN = {
    "unknown": "as it is",
    "left_out": "this kind not shown",
    "distance": "nothing shown",
}
"""Names of the three figures, by attribute of `BundleResult`."""

HEADER = ("bundle", "cells", "n", "familiarity", "AUROC (95 % interval)", "at 95 %", "at 99 %", "familiar", "counted")


def rows_of(result: Mapping[str, Any]) -> list[list[str]]:
    """Return the rows of a bundle's table, for its result as JSON values."""
    beside = {} if result["beside"] is None else {"another laboratory": result["beside"]}
    rows = []
    for kind in (*result["unknown"], *beside):
        for name, words in SHOWN.items():
            each = result.get(name, {}).get(kind) if kind not in beside else beside[kind]
            if each is None or (kind in beside and name != "unknown"):
                continue
            bounds = "" if each["interval"] is None else f" ({each['interval'][0]:.3f}-{each['interval'][1]:.3f})"
            shares = [each["accepted"][f"{100 * kept:g}"] for kept in KEPT] + [each["familiar"], each["counted"]]
            shown = [percent(share["share"], 1) for share in shares]
            rows.append([result["bundle"], kind, str(each["n"]), words, f"{each['auroc']:.3f}{bounds}", *shown])
    return rows


def text(results: Sequence[BundleResult]) -> str:
    """Return the results as a table."""
    return table(list(HEADER), [row for result in results for row in rows_of(asdict(result))], left=2)


EXPLANATION = """`as it is`: the bundle's familiarity; kinds that it was shown, which its card names, are known others
to it, measured on images that were not shown. `this kind not shown`: shown the two other kinds alone, which is what
to expect of a kind that nobody knew of. `nothing shown`: by distance alone. `at 95 %` and `at 99 %` are the shares of
the cells that are accepted where so many of the known ones are; `familiar` is that at the bundle's own thresholds (1
% of the validation cells exceed each); `counted` are the cells that the review threshold accepts too. The intervals
of the shares are in the JSON. The last row of a bundle is another laboratory's cells of the known types, as one set.

The features set the limit: a network that was trained to tell five classes keeps little of what tells an immature
granulocyte from a neutrophil or a monocyte, and an erythroblast from a lymphocyte; platelets are told. Examples move
this far for the kinds that are shown, and little for others. Where immature granulocytes and erythroblasts are to be
counted, use a network of eight classes."""


def markdown_table(found: Mapping[str, Any]) -> str:
    """Return the table of docs/results.md, with its explanation, for what `record` returned."""
    rows = [row for result in found["bundles"] for row in rows_of(result)]
    kept = ", ".join(
        f"{result['bundle']} {percent(result['unfamiliar']['share'])} unfamiliar and "
        f"{percent(result['counted']['share'])} counted, calibration error {result['before']['width']:.3f} before and "
        f"{result['after']['width']:.3f} after"
        for result in found["bundles"]
    )
    known = f"Of the {found['bundles'][0]['known']} known test cells: {kept}."
    return f"{markdown(HEADER, rows, numbers=(2, *range(4, len(HEADER))))}\n\n{known}\n\n{EXPLANATION}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.unknown", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE", help="a bundle's folder or zip")
    parser.add_argument("--data", required=True, type=Path, help="manifest whose test split has further kinds of cells")
    parser.add_argument("--beside", type=Path, help="manifest of another laboratory")
    parser.add_argument("--out", type=Path, help="JSON file of results")
    options = parser.parse_args(arguments)

    def step() -> None:
        manifest = Manifest.read(options.data)
        beside = None if options.beside is None else Manifest.read(options.beside)
        results = [measure(path, manifest, beside, progress) for path in options.bundles]
        if options.out is not None:
            write_json(options.out, record(results, manifest, beside))
        print(text(results))

    return exit_code(step)


def record(results: Sequence[BundleResult], manifest: Manifest, beside: Manifest | None) -> dict[str, Any]:
    """Return the results with what identifies the images, as JSON values."""
    return {
        "edgewbc": __version__,
        "manifest_sha256": manifest.sha256,
        "protocol": manifest.protocol,
        "split": "test",
        "beside_sha256": None if beside is None else beside.sha256,
        "bundles": [asdict(result) for result in results],
    }


if __name__ == "__main__":
    sys.exit(main())
