"""The travel study: each bundle on its own laboratory's test images and on others, without labels and with a few.

A part is one bundle with one way to crop on one set. Parts in the results file are kept if bundle, set and code are the
same; features are kept in the work folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.travel import cells, measure
from edgewbc.bundle.bundle import Bundle
from edgewbc.cells import OTHER_CLASSES
from edgewbc.data import images, prepare
from edgewbc.data.manifest import Entry, Manifest, Protocol, Split
from edgewbc.data.sources import make
from edgewbc.errors import UserError
from edgewbc.lab.adapt import old_head
from edgewbc.metrics import Spread, score
from edgewbc.utils.files import read_json, write_json
from edgewbc.utils.progress import Progress, quiet

FORMAT = 2
IN_DOMAIN = "pbc"
EXTERNAL = ("jtsc", "bccd")
SHOTS = (2, 5, 10, 20)
REPEATS = 10

PLAIN, CANONICAL, TRAINED = "plain", "canonical", "trained"
"""Ways to crop: the bundle's own crop of the center; the canonical crop, without training again; a network that was
trained on canonical crops."""


@dataclass(frozen=True, eq=False)
class System:
    """A bundle and how its images are cropped.

    Attributes:
        bundle: the bundle, with the pixels that are used.
        mode: one of `PLAIN`, `CANONICAL`, `TRAINED`.
        trained_on: names of the sets that it was trained on.
    """

    bundle: Bundle
    mode: str
    trained_on: frozenset[str]

    @property
    def key(self) -> str:
        return f"{self.bundle.name}/{self.mode}"


class Sets:
    """The sets of a folder, read when they are first needed."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._manifests: dict[tuple[str, Protocol], Manifest] = {}

    def manifest(self, name: str, protocol: Protocol) -> Manifest:
        """Return a set's manifest. Raises UserError if its images are missing."""
        key = name, protocol
        if key not in self._manifests:
            self._manifests[key] = make(name, self._data / name, protocol=protocol)
        return self._manifests[key]

    def cells(self, name: str, classes: Sequence[str]) -> tuple[Manifest, list[Entry]]:
        """Return a set's manifest and the test cells of classes: the test split, or all of an external set."""
        if name == IN_DOMAIN:
            eight = any(other in classes for other in OTHER_CLASSES)
            manifest = self.manifest(name, Protocol.PUBLISHED8 if eight else Protocol.PUBLISHED)
        else:
            manifest = self.manifest(name, Protocol.EXTERNAL)
        return manifest, [entry for entry in manifest.split(Split.TEST) if entry.label in classes]


def systems(bundles: Sequence[Path], sets: Sets) -> list[System]:
    """Return what is measured: a bundle that is trained on canonical crops once, any other with both crops.

    Raises:
        UserError: there is no bundle at a path, or its crop is neither of the center nor `cell`.
    """
    found = []
    for path in bundles:
        bundle = Bundle.open(path)
        trained_on = frozenset(re.split(r"[^a-z0-9_]+", bundle.manifest.source or ""))
        if bundle.pixels.crop == "cell":
            found.append(System(bundle, TRAINED, trained_on))
            continue
        if bundle.pixels.crop != "centre":
            raise UserError(f"{path}: its crop is {bundle.pixels.crop}; the study compares the crops centre and cell")
        reference = prepare.profile(sets.manifest(IN_DOMAIN, Protocol.PUBLISHED)).reference
        found += [
            System(bundle, PLAIN, trained_on),
            System(cells.canonical(bundle, reference), CANONICAL, trained_on),
        ]
    return found


def run(
    data: Path,
    bundles: Sequence[Path],
    work: Path,
    out: Path,
    *,
    runs: Sequence[Path] = (),
    shots: Sequence[int] = SHOTS,
    repeats: int = REPEATS,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Measure the parts that are missing from the results, and write the results after each part.

    Args:
        data: folder with pbc, jtsc and bccd.
        bundles: to measure; parts of other bundles in the results are kept.
        work: folder for features; created if needed.
        out: file of results.
        runs: run folders of the same recipe with several seeds, for the spread without labels.
        shots: numbers of labeled cells per class.
        repeats: draws for each number.
        say: receives a line for each part.
        progress: shows progress.

    Returns:
        the JSON that was written: `sets`, `parts` by key, and `seeds` by recipe.

    Raises:
        UserError: a set, a bundle or a run is missing or damaged.
    """
    sets = Sets(data)
    results: dict[str, Any] = {"format": FORMAT, "sets": {}, "parts": {}, "seeds": {}}
    before = read_json(out, "a result of `python -m bench.travel`") if out.is_file() else {}
    kept = before.get("parts", {}) if before.get("format") == FORMAT else {}
    measured = systems(bundles, sets)
    names = {system.bundle.name for system in measured}
    results["parts"] = {key: part for key, part in kept.items() if part["bundle"] not in names}
    results["sets"] = before.get("sets", {}) if results["parts"] else {}
    for system in measured:
        head = old_head(system.bundle)
        for name in (IN_DOMAIN, *EXTERNAL):
            if name != IN_DOMAIN and name in system.trained_on:
                say(f"{system.key} on {name}: left out, since it was trained on {name}")
                continue
            manifest, entries = sets.cells(name, system.bundle.classes)
            results["sets"].setdefault(f"{name}/{_protocol(manifest)}", about(manifest))
            key, numbers = f"{system.key}/{name}", [] if name == IN_DOMAIN else list(shots)
            facts: dict[str, Any] = {
                "bundle": system.bundle.name,
                "model_sha256": system.bundle.model_sha256(),
                "manifest_json_sha256": system.bundle.sums["manifest.json"],
                "mode": system.mode,
                "set": name,
                "home": name == IN_DOMAIN,
                "protocol": _protocol(manifest),
                "manifest_sha256": manifest.sha256,
                "shots": numbers,
                "repeats": repeats,
                "code_sha256": cells.code_sha256(),
                "adapt_sha256": measure.code_sha256(),
            }
            part = kept.get(key)
            if part is None or {name: part.get(name) for name in facts} != facts:
                say(f"{key}: {len(entries)} cells")
                seen = cells.see(system.bundle, manifest, entries, work, views=name != IN_DOMAIN, progress=progress)
                part = {**facts, "zero_shot": measure.zero_shot(system.bundle, seen), "few_shots": {}}
                for number in numbers:
                    found = measure.few_shots(system.bundle, head, seen, number, repeats, progress)
                    part["few_shots"][str(number)] = found
            results["parts"][key] = part
            write_json(out, results)
    results["seeds"] = seeds(runs, sets, say) or before.get("seeds", {})
    write_json(out, results)
    return read_json(out, "the results")  # type: ignore[no-any-return]


def _protocol(manifest: Manifest) -> str:
    return str(manifest.protocol)


def about(manifest: Manifest) -> dict[str, Any]:
    """Return what identifies a set, and the profile of its microscope."""
    found = prepare.profile(manifest)
    return {
        "source": manifest.provenance.source,
        "protocol": _protocol(manifest),
        "manifest_sha256": manifest.sha256,
        "profile": found.to_json(),
        "problems": found.problems,
    }


def seeds(runs: Sequence[Path], sets: Sets, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Return accuracy and mean recall of run folders without labels, by recipe: their spread over the seeds.

    Raises:
        UserError: a run folder is not finished, or was trained on a set that it is measured on.
    """
    from edgewbc.evaluation.load import load

    values: dict[str, dict[str, list[tuple[float, float]]]] = {}
    hashes: dict[str, list[str]] = {}
    for path in runs:
        model = load(path, backend="torch", precision="f32", threads=1)
        hashes.setdefault(model.name, []).append(model.sha256)
        for name in (IN_DOMAIN, *EXTERNAL):
            say(f"{path.name} on {name}")
            manifest, entries = sets.cells(name, model.classes)
            truth = images.truth(manifest, entries, model.classes)
            batches = images.batches(manifest, entries, model.pixels)
            predicted = np.concatenate([found.probabilities for found in model.predictor.stream(batches)]).argmax(1)
            scores, counted = score(truth, predicted, model.classes), measure.counted_classes(truth)
            macro = float(np.mean([scores.per_class[model.classes[label]].recall for label in counted]))
            values.setdefault(model.name, {}).setdefault(name, []).append((scores.accuracy or 0.0, macro))
    return {
        recipe: {
            "model_sha256": hashes[recipe],
            "sets": {
                name: {
                    "accuracy": vars(Spread.of([accuracy for accuracy, _ in every])),
                    "macro": vars(Spread.of([macro for _, macro in every])),
                }
                for name, every in by_set.items()
            },
        }
        for recipe, by_set in values.items()
    }
