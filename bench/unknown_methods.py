"""Compare ways to tell unknown cells by their features: `python -m bench.unknown_methods BUNDLE... --data MANIFEST`.

    python -m bench.unknown_methods export/bundles/wbc5-* --data manifests/pbc8 --out bench/results/unknown-methods.json

Each method is fitted to training cells of the bundle's classes. The comparison that a method may be chosen by uses
validation cells alone: against *surrogates* for unknown cells, made of validation images (mixed, cut, scaled,
recolored, blurred, erased, and cells that were drawn), and with each class in turn left out of the fit and taken for
unknown. (The network knows that class, so it is told more easily than a truly unknown one.) The area under the ROC
curve for the unknown kinds of the test split is reported beside it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors

from bench.unknown import auroc
from edgewbc._version import __version__
from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.console import progress
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.data.sampling import balanced, spread
from edgewbc.decision import familiarity_fit
from edgewbc.decision.familiarity_fit import COMPONENTS
from edgewbc.errors import UserError, exit_code
from edgewbc.evaluation.load import load
from edgewbc.pixels import Image
from edgewbc.runtime.predictor import Prediction, Predictor
from edgewbc.synth.cells import draw_cell
from edgewbc.synth.outliers import outliers
from edgewbc.utils.files import write_json
from edgewbc.utils.text import table

BATCH = 32
MAX_TRAIN_CELLS = 3000
"""Training cells that methods are fitted to, sampled evenly."""
SURROGATES = 300
"""Validation images that surrogates are made of."""
NEIGHBORS = 10

Features = NDArray[np.float32]
Score = Callable[[Prediction], NDArray[np.float64]]
"""Returns how unfamiliar cells are, higher is less familiar, (n,)."""


def methods(features: Features, labels: NDArray[np.int64], held_out: Features) -> dict[str, Score]:
    """Fit every method.

    Args:
        features: of the training cells, (n, d).
        labels: their class indices, (n,).
        held_out: features of validation cells, (m, d).
    """
    own = familiarity_fit.fit(features, labels, held_out)
    values = features.astype(np.float64)
    names, group = np.unique(labels, return_inverse=True)
    means = np.stack([values[labels == name].mean(0) for name in names])
    one, within = LedoitWolf().fit(values), LedoitWolf(assume_centered=True).fit(values - means[group])
    center, deviation = values.mean(0), values.std(0) + 1e-6
    near = {
        metric: NearestNeighbors(n_neighbors=NEIGHBORS, algorithm="brute", metric=metric).fit(found)
        for metric, found in (("cosine", values), ("euclidean", (values - center) / deviation))
    }
    directions = np.linalg.eigh(np.cov(values.T))[1][:, ::-1][:, :COMPONENTS]

    def tied(found: Prediction) -> NDArray[np.float64]:
        offsets = found.features.astype(np.float64)[:, None] - means
        distances: NDArray[np.float64] = np.einsum("nkd,de,nke->nk", offsets, within.precision_, offsets, optimize=True)
        nearest: NDArray[np.float64] = distances.min(1)
        return nearest

    def residual(found: Prediction) -> NDArray[np.float64]:
        offset = found.features - center
        rest: NDArray[np.float64] = np.square(offset - offset @ directions @ directions.T).sum(1)
        return rest

    return {
        "class-conditional (in bundles)": lambda found: own.distance(found.features),
        "Mahalanobis, one covariance": lambda found: np.asarray(one.mahalanobis(found.features)),
        "Mahalanobis to classes, tied": tied,
        "Mahalanobis, relative": lambda found: tied(found) - np.asarray(one.mahalanobis(found.features)),
        "10 nearest, cosine": lambda found: np.asarray(near["cosine"].kneighbors(found.features)[0].mean(1)),
        "10 nearest, Euclidean": lambda found: np.asarray(
            near["euclidean"].kneighbors((found.features - center) / deviation)[0].mean(1)
        ),
        "residual": residual,
        "probability": lambda found: -found.probabilities.max(1).astype(np.float64),
    }


def surrogates(prepared: NDArray[np.uint8], labels: Sequence[str], seed: int = 0) -> dict[str, NDArray[np.uint8]]:
    """Return images that are not cells of any class, by kind, made of prepared images (n, h, w, 3)."""
    height, width = prepared.shape[1:3]
    made = outliers(prepared, labels, seed)

    def each(change: Callable[[Image], Any]) -> NDArray[np.uint8]:
        return np.stack([np.asarray(change(image), np.uint8) for image in prepared])

    def smaller(image: Image) -> Any:
        part = cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
        top, left = (height - part.shape[0]) // 2, (width - part.shape[1]) // 2
        edges = (top, height - part.shape[0] - top, left, width - part.shape[1] - left)
        return cv2.copyMakeBorder(part, *edges, cv2.BORDER_REFLECT)

    def larger(image: Image) -> Any:
        top, left = height // 6, width // 6
        return cv2.resize(image[top : height - top, left : width - left], (width, height))

    def recolored(image: Image) -> Any:
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(int) + 15) % 180
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)

    drawn = [
        draw_cell(str(name), np.random.default_rng([seed, n]), max(height, width)) for n, name in enumerate(labels)
    ]
    return {
        **made,
        "smaller": each(smaller),
        "larger": each(larger),
        "recolored": each(recolored),
        "blurred": each(lambda image: cv2.GaussianBlur(image, (0, 0), width / 40)),
        "drawn": np.stack([cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in drawn]),
    }


def compare(path: Path, manifest: Manifest) -> dict[str, Any]:
    """Compare all methods on one bundle; returns areas under the ROC curve by method, as JSON values.

    Raises:
        UserError: the manifest has no training, validation or test images, or no unknown kinds.
    """
    bundle, predictor = Bundle.open(path), load(path).predictor
    train, val, test = (
        _Run(predictor, bundle, manifest, spread([e for e in manifest.split(split) if e.label in bundle.classes], most))
        for split, most in (("train", MAX_TRAIN_CELLS), ("val", None), ("test", None))
    )
    strange = [entry for entry in manifest.split("test") if entry.label not in bundle.classes]
    if not strange:
        raise UserError(f"{path}: the test split has no kinds but the bundle's classes: use --protocol published8")
    unknown = _Run(predictor, bundle, manifest, strange)
    sample = balanced(val.entries, SURROGATES)
    prepared = np.concatenate(list(images.batches(manifest, sample, bundle.pixels, BATCH)))
    made = {
        kind: Prediction.joined(predictor(found[first : first + BATCH]) for first in range(0, len(found), BATCH))
        for kind, found in surrogates(prepared, [entry.label for entry in sample]).items()
    }
    every = methods(train.found.features, train.truth, val.found.features)
    left_out: dict[str, dict[str, float]] = {method: {} for method in every}
    for number, name in enumerate(bundle.classes):
        kept, known = train.truth != number, val.truth != number
        fitted = methods(train.found.features[kept], train.truth[kept], val.found.features[known])
        for method, score in fitted.items():
            scores = score(val.found)
            left_out[method][name] = auroc(scores[known], scores[~known])[0]
    return {
        "bundle": bundle.name,
        "model_sha256": bundle.model_sha256(),
        "methods": {
            method: _areas(score, val.found, made, left_out[method], test.found, unknown.found)
            for method, score in every.items()
        },
    }


def _areas(
    score: Score,
    val: Prediction,
    made: Mapping[str, Prediction],
    left_out: Mapping[str, float],
    test: Prediction,
    unknown: Prediction,
) -> dict[str, Any]:
    held_out = score(val)
    areas = {kind: auroc(held_out, score(found))[0] for kind, found in made.items()}
    return {
        "surrogates": {"mean": round(float(np.mean(list(areas.values()))), 5), **areas},
        "class_left_out": {"mean": round(float(np.mean(list(left_out.values()))), 5), **left_out},
        "test_unknown": auroc(score(test), score(unknown))[0],
    }


class _Run:
    """The predictions for entries, and their class indices."""

    def __init__(self, predictor: Predictor, bundle: Bundle, manifest: Manifest, entries: Sequence[Entry]) -> None:
        batches = images.batches(manifest, entries, bundle.pixels, BATCH)
        self.entries = entries
        self.found = Prediction.joined(map(predictor, progress(batches, bundle.name, -(-len(entries) // BATCH))))
        index = {name: number for number, name in enumerate(bundle.classes)}
        self.truth = np.array([index.get(entry.label, -1) for entry in entries], dtype=np.int64)


def text(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the means as a table."""
    rows = [
        [result["bundle"], method, *(f"{value:.3f}" for value in _means(found))]
        for result in results
        for method, found in result["methods"].items()
    ]
    return table(["bundle", "method", "surrogates", "class left out", "unknown (test)"], rows, left=2)


def _means(found: Mapping[str, Any]) -> tuple[float, float, float]:
    return found["surrogates"]["mean"], found["class_left_out"]["mean"], found["test_unknown"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.unknown_methods",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE", help="a bundle's folder or zip")
    parser.add_argument("--data", required=True, type=Path, help="manifest whose test split has further kinds of cells")
    parser.add_argument("--out", type=Path, help="JSON file of results")
    options = parser.parse_args(arguments)

    def step() -> None:
        manifest = Manifest.read(options.data)
        results = [compare(path, manifest) for path in options.bundles]
        if options.out is not None:
            record = {"edgewbc": __version__, "manifest_sha256": manifest.sha256, "bundles": results}
            write_json(options.out, record)
        print(text(results))

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
