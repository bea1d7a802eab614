"""Measure how well bundles tell cells of kinds that they were not trained for: `python -m bench.unknown BUNDLE...`.

    edgewbc data manifest pbc PBC --protocol published8 --to manifests/pbc8
    edgewbc data manifest jtsc JTSC --to manifests/jtsc
    python -m bench.unknown export/bundles/wbc5-* --data manifests/pbc8 --beside manifests/jtsc \\
        --out bench/results/unknown.json

Cells of the test split whose label is a class of the bundle are *known*, the others are *unknown*. The bundle's own
familiarity statistics are used as they are. For each unknown kind, and for all of them together: the area under the ROC
curve against the known cells, and the share that is accepted where 95 % or 99 % of the known cells are, or at the
bundle's own threshold. A cell is *counted* if it is familiar and its calibrated probability reaches the review
threshold. The cells of another laboratory (`--beside`) are of known types, and unknown only as images; they are
reported as one set.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc._version import __version__
from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.console import progress
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.decision.calibration import Scores
from edgewbc.errors import UserError, exit_code
from edgewbc.evaluation.load import load
from edgewbc.metrics import Z95, wilson
from edgewbc.utils.files import write_json
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import markdown, percent, table

BATCH = 32
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
    interval: tuple[float, float]
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
        unknown: by kind, and `all` of them together.
        beside: the cells of another laboratory, as one set; None if there are none.
    """

    bundle: str
    model_sha256: str
    features: int
    components: int
    known: int
    unfamiliar: Share
    counted: Share
    before: Scores
    after: Scores
    unfamiliar_by_class: dict[str, Share]
    unknown: dict[str, KindResult]
    beside: KindResult | None


@dataclass(frozen=True)
class _Cells:
    """Label, familiarity score and probabilities (n, K) of cells, and whether they are counted."""

    labels: NDArray[np.str_]
    scores: NDArray[np.float64]
    counted: NDArray[np.bool_]
    probabilities: NDArray[np.float32]

    def where(self, chosen: NDArray[np.bool_]) -> _Cells:
        return _Cells(self.labels[chosen], self.scores[chosen], self.counted[chosen], self.probabilities[chosen])


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

    def calibrated(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        return probabilities if loaded.calibration is None else loaded.calibration.apply(probabilities)

    def run(of: Manifest, entries: Sequence[Entry]) -> _Cells:
        batches = progress(images.batches(of, entries, bundle.pixels, BATCH), bundle.name, -(-len(entries) // BATCH))
        found = [loaded.predictor(batch) for batch in batches]
        scores = familiarity.score(np.concatenate([each.features for each in found]))
        probabilities = np.concatenate([each.probabilities for each in found])
        sure = calibrated(probabilities).max(1) >= (bundle.manifest.review_below or 0.0)
        counted = sure & (scores <= familiarity.threshold)
        return _Cells(np.array([entry.label for entry in entries]), scores, counted, probabilities)

    cells = run(manifest, manifest.split("test"))
    is_known = np.isin(cells.labels, bundle.classes)
    known, unknown = cells.where(is_known), cells.where(~is_known)
    if not len(known.labels) or not len(unknown.labels):
        raise UserError(f"{path}: the test split needs cells of its classes and others: use --protocol published8")
    truth = np.array([bundle.classes.index(label) for label in known.labels])
    kinds = {"all": unknown, **{str(kind): unknown.where(unknown.labels == kind) for kind in np.unique(unknown.labels)}}
    return BundleResult(
        bundle=bundle.name,
        model_sha256=loaded.sha256,
        features=familiarity.center.size,
        components=familiarity.spread.size,
        known=len(known.labels),
        unfamiliar=Share.of(known.scores > familiarity.threshold),
        counted=Share.of(known.counted),
        before=Scores.of(known.probabilities, truth),
        after=Scores.of(calibrated(known.probabilities), truth),
        unfamiliar_by_class={
            name: Share.of(known.scores[known.labels == name] > familiarity.threshold)
            for name in bundle.classes
            if (known.labels == name).any()
        },
        unknown={kind: compare(known.scores, each, familiarity.threshold) for kind, each in kinds.items()},
        beside=None if beside is None else compare(known.scores, run(beside, beside.entries), familiarity.threshold),
    )


def compare(known: NDArray[np.float64], unknown: _Cells, threshold: float) -> KindResult:
    """Compare the scores of unknown cells with those of known ones."""
    area, interval = auroc(known, unknown.scores)
    return KindResult(
        n=len(unknown.scores),
        auroc=area,
        interval=interval,
        accepted={f"{100 * kept:g}": Share.of(unknown.scores <= np.quantile(known, kept)) for kept in KEPT},
        familiar=Share.of(unknown.scores <= threshold),
        counted=Share.of(unknown.counted),
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


def text(results: Sequence[BundleResult]) -> str:
    """Return the results as a table."""
    rows = [
        [
            result.bundle,
            kind,
            str(found.n),
            f"{found.auroc:.3f}",
            "-".join(f"{bound:.3f}" for bound in found.interval),
            *(percent(found.accepted[f"{100 * kept:g}"].share, 1) for kept in KEPT),
            percent(found.familiar.share, 1),
            percent(found.counted.share, 1),
        ]
        for result in results
        for kind, found in {**result.unknown, **({"beside": result.beside} if result.beside else {})}.items()
    ]
    header = ["bundle", "cells", "n", "AUROC", "95 % interval", *(f"at {100 * kept:g} %" for kept in KEPT)]
    return table([*header, "familiar", "counted"], rows, left=2)


EXPLANATION = """`at 95 %` and `at 99 %` are the shares of the unknown cells that are accepted where so many of the
known ones are; `familiar` is that at the bundle's own threshold, which 1 % of the validation cells exceed; `counted`
are the cells that the review threshold accepts too. The last row of a bundle is another laboratory's cells of the known
types, as one set.

The features set the limit, not the score: `bench.unknown_methods` compares eight scores on the same features. A network
that was trained to tell five classes keeps little of what tells an immature granulocyte from a neutrophil or a
monocyte, and an erythroblast from a lymphocyte; platelets are told. What moves this is training with such cells: as
classes of their own, or as further outputs that are never counted."""


def markdown_table(found: Mapping[str, Any]) -> str:
    """Return the table of docs/results.md, with its explanation, for what `record` returned."""
    rows = []
    for result in found["bundles"]:
        beside = {} if result["beside"] is None else {"another laboratory": result["beside"]}
        for kind, each in {**result["unknown"], **beside}.items():
            kept = [percent(each["accepted"][f"{100 * share:g}"]["share"], 1) for share in KEPT]
            own = [percent(each[name]["share"], 1) for name in ("familiar", "counted")]
            area = f"{each['auroc']:.3f} ({each['interval'][0]:.3f}-{each['interval'][1]:.3f})"
            rows.append([result["bundle"], kind, str(each["n"]), area, *kept, *own])
    header = ("bundle", "cells", "n", "AUROC (95 % interval)", "at 95 %", "at 99 %", "familiar", "counted")
    home = ", ".join(
        f"{result['bundle']} {percent(result['unfamiliar']['share'])} unfamiliar and "
        f"{percent(result['counted']['share'])} counted, calibration error {result['before']['width']:.3f} before and "
        f"{result['after']['width']:.3f} after"
        for result in found["bundles"]
    )
    known = f"Of the {found['bundles'][0]['known']} known test cells: {home}."
    return f"{markdown(header, rows, numbers=range(2, len(header)))}\n\n{known}\n\n{EXPLANATION}"


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
