"""What keeps a bundle from being right on another laboratory's cells: `python -m bench.limits_external $EDGEWBC_DATA`.

The cells of JTSC are of two stains, one on a yellow background and one on white. The study gives the accuracy on each,
and what changes to the views that the network sees of a cell would give, without changing the network: the upright view
alone, the mean over eight orientations, over five scales, and one microscope profile for both backgrounds. Nothing is
chosen by it.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import view_mean
from bench.console import RESULTS
from bench.lab_cells import manifests
from bench.travel.cells import ENOUGH
from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.console import say
from edgewbc.data import images as manifest_images
from edgewbc.errors import UserError, exit_code
from edgewbc.metrics import Scores, score
from edgewbc.pixels import Image, PixelSpec
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.smear import learning, stain
from edgewbc.smear.microscope import Profile
from edgewbc.smear.prepare import Preparer
from edgewbc.utils import resources
from edgewbc.utils.files import write_json
from edgewbc.utils.text import interval, markdown, percent

FORMAT = 1
SET = "jtsc"
WHITE = 220
"""Blue level of the background from which it counts as white. JTSC's are 129 to 192, and 254 or 255."""
SCALES = (0.85, 0.92, 1.0, 1.08, 1.17)
ALL, YELLOW, ON_WHITE = "all", "yellow background", "white background"


def results(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating], white: NDArray[np.bool_], classes: Sequence[str]
) -> dict[str, Any]:
    """Return the scores of all cells and of those of each background.

    Args:
        labels: class indices, (n,).
        probabilities: (n, classes).
        white: whether the background is white, (n,).
        classes: names.
    """
    predicted = probabilities.argmax(1)
    parts = {ALL: np.ones(len(labels), dtype=bool), YELLOW: ~white, ON_WHITE: white}
    return {name: score(labels[part], predicted[part], classes).to_json() for name, part in parts.items() if part.any()}


def changes(
    bundle: Bundle,
    seen: Sequence[Image],
    white: NDArray[np.bool_],
    predict: Callable[[NDArray[np.uint8]], NDArray[np.float64]],
) -> dict[str, NDArray[np.floating]]:
    """Return the probabilities of each change, by name.

    Args:
        bundle: with the crop `cell`.
        seen: images of one cell each.
        white: whether an image's background is white, (n,).
        predict: from the network's inputs, uint8 (n, height, width, 3), to probabilities.
    """

    profile = learning.learn(seen[place] for place in learning.sample(len(seen)))
    label_from, views = bundle.manifest.label_from, bundle.manifest.views

    def judged(profile: Profile | None) -> NDArray[np.floating]:
        cells = [Preparer(bundle.pixels, profile, views).one(image) for image in seen]
        upright, *others = (
            predict(np.stack(view)) for view in zip(*((c.image, *c.others) for c in cells), strict=True)
        )
        return label_from.probabilities(upright, np.stack(others, 1) if others else None)

    def prepared(spec: PixelSpec) -> NDArray[np.uint8]:
        preparer = Preparer(spec, profile)
        return np.stack([preparer(image) for image in seen])

    spec = bundle.pixels
    orientations = view_mean.orientations(prepared(spec))
    scaled = [dataclasses.replace(spec, size=round(spec.size * factor)) for factor in SCALES]
    upright, *turned = (predict(each) for each in orientations)
    return {
        "as classify does": judged(profile),
        "the upright view alone": upright,
        f"mean over {len(orientations)} orientations": view_mean.mean([upright, *turned]),
        f"mean over {len(SCALES)} scales": view_mean.mean([predict(prepared(each)) for each in scaled]),
        "one profile for both backgrounds": judged(
            None if profile is None else dataclasses.replace(profile, preparations=())
        ),
    }


def table(found: Sequence[dict[str, Any]]) -> str:
    """Return the results as a Markdown table."""
    first = Scores.from_json(found[0]["parts"][ALL])
    enough = [name for name, one in first.per_class.items() if one.n >= ENOUGH]
    lines = []
    for row in found:
        for part, values in row["parts"].items():
            scores = Scores.from_json(values)
            kinds = [scores.per_class[name] for name in enough]
            lines.append(
                [
                    row["change"],
                    part,
                    f"{scores.correct} of {scores.n}",
                    percent(scores.accuracy),
                    interval(scores.interval),
                    *("-" if one.recall is None else f"{round(one.recall * one.n)} of {one.n}" for one in kinds),
                ]
            )
    header = ("change", "cells", "correct", "accuracy", "95 % interval", *enough)
    return markdown(header, lines, range(2, len(header)))


def section(values: Mapping[str, Any]) -> str:
    """Return the part of docs/results.md for a file of results."""
    return (
        f"{table(values['rows'])}\n\n"
        f"What stands between {values['bundle']} and a higher accuracy on {values['set']}, whose images are of two "
        "stains, on yellow and on white backgrounds. Mean over orientations or scales: of the probabilities of that "
        "many views of each cell. What is left lies in the cells and in their labels, which were not checked by a "
        "second person."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study and write `bench/results/limits-abroad.json`."""
    parser = argparse.ArgumentParser(prog="python -m bench.limits_external", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of public sets (jtsc)")
    parser.add_argument("--bundle", type=Path, help="bundle with the crop `cell` (default: wbc5-travel)")
    parser.add_argument("--out", type=Path, default=RESULTS / "limits-abroad.json")
    given = parser.parse_args(arguments)

    def step() -> None:
        bundle = Bundle.open(given.bundle or resources.released_bundles()["wbc5-travel"])
        if bundle.pixels.crop != "cell":
            raise UserError(f"{bundle.path}: does not locate cells: give a bundle with the crop `cell`")
        manifest, entries = manifests(given.data, SET, bundle)
        seen = [manifest_images.read(manifest, entry) for entry in entries]
        labels = np.array([bundle.classes.index(entry.label) for entry in entries], dtype=np.int64)
        white = np.array([stain.background(image)[2] >= WHITE for image in seen])
        predictor = OpenVINOPredictor.from_bundle(bundle)
        rows = [
            {"change": name, "parts": results(labels, probabilities, white, bundle.classes)}
            for name, probabilities in changes(
                bundle, seen, white, lambda inputs: np.asarray(predictor(inputs).probabilities, dtype=np.float64)
            ).items()
        ]
        write_json(
            given.out,
            {
                "format": FORMAT,
                "bundle": bundle.name,
                "model_sha256": bundle.model_sha256(),
                "set": SET,
                "classes": list(bundle.classes),
                "rows": rows,
            },
        )
        say(table(rows))

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
