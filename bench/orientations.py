"""What averaging over orientations gives: `python -m bench.orientations export/bundles/* --data MANIFEST`.

A cell has no upright position, so the mean of a network's probabilities over the eight orientations of an image (four
rotations, each also mirrored) is an ensemble without further training, at eight times the network's cost. `classify`
does not do it (with a bundle that locates cells, it takes the mean of six other views: `bench.views`); the study says
what it would gain on the validation and the test split. Nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import console, view_mean
from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.console import progress, say
from edgewbc.data import images
from edgewbc.data.manifest import Manifest, facts
from edgewbc.errors import UserError, exit_code
from edgewbc.metrics import Accuracy, McNemar, mcnemar
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.utils.files import write_json
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import interval, markdown, percent

FORMAT = 1
SPLITS = ("val", "test")
BATCH = 32


@dataclass(frozen=True)
class OrientationRow:
    """Accuracy of one bundle on one split, with and without averaging.

    Attributes:
        bundle: name.
        model_sha256: of its INT8 model for OpenVINO.
        split: val or test.
        one: accuracy on the images as they are.
        mean: accuracy of the mean over orientations.
        orientations: how many.
        test: McNemar's test; b counts the images that only the mean classifies correctly.
        wrong: files that the mean classifies wrongly, in the manifest's order.
    """

    bundle: str
    model_sha256: str
    split: str
    one: Accuracy
    mean: Accuracy
    orientations: int
    test: McNemar
    wrong: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "bundle": self.bundle,
            "model_sha256": self.model_sha256,
            "split": self.split,
            "one": self.one.to_json(),
            "mean": self.mean.to_json(),
            "orientations": self.orientations,
            "mcnemar": {"b": self.test.b, "c": self.test.c, "p": self.test.p},
            "wrong": list(self.wrong),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> OrientationRow:
        """Read JSON values."""
        return cls(
            values["bundle"],
            values["model_sha256"],
            values["split"],
            Accuracy.from_json(values["one"]),
            Accuracy.from_json(values["mean"]),
            values["orientations"],
            McNemar(**values["mcnemar"]),
            tuple(values["wrong"]),
        )


def measure(bundle: Bundle, manifest: Manifest, split: str, progress: Progress = quiet) -> OrientationRow:
    """Evaluate a bundle's INT8 model with OpenVINO on the images of a split, and on all their orientations.

    Raises:
        UserError: an image cannot be read, or the bundle has no such model or not the manifest's classes.
    """
    entries = manifest.split(split)
    truth = images.truth(manifest, entries, bundle.classes)
    predictor = OpenVINOPredictor.from_bundle(bundle, "int8")
    one, mean, count = [], [], 0
    batches = images.batches(manifest, entries, bundle.pixels, BATCH)
    for batch in progress(batches, f"{bundle.name}: {split}", len(entries)):
        probabilities = [predictor(view).probabilities for view in view_mean.orientations(batch)]
        count = len(probabilities)
        one.append(probabilities[0].argmax(1))
        mean.append(view_mean.mean(probabilities).argmax(1))
    alone, together = np.concatenate(one), np.concatenate(mean)
    wrong = tuple(str(entry.path) for entry, right in zip(entries, together == truth, strict=True) if not right)
    return OrientationRow(
        bundle.name,
        bundle.model_sha256("openvino", "int8"),
        split,
        Accuracy.of(truth, alone),
        Accuracy.of(truth, together),
        count,
        mcnemar(together == truth, alone == truth),
        wrong,
    )


def table(rows: Sequence[OrientationRow]) -> str:
    """Return the rows as a Markdown table."""
    header = ("bundle", "split", "as it is", "95 %", "mean over orientations", "95 %", "gained", "lost", "p")
    lines = []
    for row in rows:
        cells = [row.bundle, row.split]
        for found in (row.one, row.mean):
            share, bounds = found.accuracy, found.interval
            if share is None or bounds is None:
                raise UserError(f"{row.bundle}: no images of the split {row.split}")
            cells += [f"{found.correct} of {found.n} ({percent(share, 2)})", interval(bounds, 2)]
        lines.append([*cells, str(row.test.b), str(row.test.c), f"{row.test.p:.2g}"])
    return markdown(header, lines, range(2, len(header)))


def section(values: Mapping[str, Any]) -> str:
    """Return the section of docs/results.md for a file of results."""
    rows, data = [OrientationRow.from_json(each) for each in values["rows"]], values["data"]
    return (
        f"{table(rows)}\n\n"
        f"INT8 with OpenVINO on {data['source']}, protocol `{data['protocol']}`, manifest "
        f"`{data['manifest_sha256'][:12]}`. The mean of the probabilities over {rows[0].orientations} orientations of "
        f"each image costs {rows[0].orientations} times as much as one; `classify` does not take it (with a bundle "
        "that locates cells it takes that of other views, see above). Gained and lost: images that only the mean, or "
        "only the single orientation, classifies correctly; p is McNemar's, exact."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.orientations", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundles", type=Path, nargs="+", help="folders of bundles")
    parser.add_argument("--data", type=Path, required=True, help="manifest with the splits val and test")
    parser.add_argument("--out", type=Path, help="JSON file of results [bench/results/orientations.json]")
    options = parser.parse_args(arguments)

    def step() -> None:
        manifest = Manifest.read(options.data)
        rows = []
        for bundle in map(Bundle.open, options.bundles):
            rows += [measure(bundle, manifest, split, progress) for split in SPLITS]
            say(f"{bundle.name}: measured")
        data = facts(manifest, "test").to_json()
        found = {"format": FORMAT, "data": data, "rows": [row.to_json() for row in rows]}
        write_json(options.out or console.RESULTS / "orientations.json", found)
        console.finish(found, table(rows), as_json=False, committed=options.out is None)

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
