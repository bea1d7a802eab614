"""The poster study: the poster's claims, trained and tested under the poster's split and under a split by original.

A part is one row under one protocol with one seed. The seed determines the split and the training; the images are the
same for all parts. Parts in the results file are kept, and interrupted trainings are resumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.stages import StageReporter, minutes, train
from edgewbc import runs
from edgewbc.data import augmented_set
from edgewbc.data.manifest import Manifest
from edgewbc.data.sources import make
from edgewbc.errors import UserError
from edgewbc.evaluation import evaluate
from edgewbc.evaluation.load import load
from edgewbc.metrics import cluster_bootstrap
from edgewbc.utils import resources
from edgewbc.utils.files import read_json, write_json

PROTOCOLS = ("poster", "grouped")
TOTAL = 12515
"""Images in the poster's augmented set, a fifth of which are its 2,503 test images."""
FORMAT = 1


@dataclass(frozen=True)
class Row:
    """A claim of the poster, or a comparison that it mentions.

    Attributes:
        name: of its recipe in recipes/poster.
        says: the accuracy that the poster reports, 0..1; None if it gives no figure.
        what: description for a table.
        seeds: number of seeds.
    """

    name: str
    says: float | None
    what: str
    seeds: int = 1


ROWS = (
    Row("gap", 0.99, "VGG16-GAP, all of it fine-tuned", 3),
    Row("frozen", None, "base frozen, new head"),
    Row("last", None, "last block fine-tuned"),
    Row("flatten", 0.88, "Flatten and dense 4096 in place of GAP, all fine-tuned"),
    Row("scratch", None, "VGG16-GAP from random weights"),
)


@dataclass(frozen=True)
class Part:
    """A training and its test."""

    row: Row
    protocol: str
    seed: int

    @property
    def key(self) -> str:
        return f"{self.row.name}-{self.protocol}-s{self.seed}"


def parts() -> list[Part]:
    """Return every part in order: all rows with the first seed, then the further seeds."""
    every = [Part(row, protocol, seed) for row in ROWS for seed in range(row.seeds) for protocol in PROTOCOLS]
    return sorted(every, key=lambda part: part.seed)


def run(
    originals: Manifest, work: Path, out: Path, *, total: int = TOTAL, reporter: StageReporter | None = None
) -> dict[str, Any]:
    """Run the parts that are missing from the results, and write the results after each part.

    Args:
        originals: manifest of the original images (source bccd), from which the augmented set is made.
        work: folder for the set and the runs; created if needed.
        out: file of results; its parts are kept if they are of the same set and recipe.
        total: number of images in the augmented set.
        reporter: receives messages.

    Returns:
        the JSON that was written: `set`, and `parts` by key (see `judge`).

    Raises:
        UserError: the results are of another set, a run folder is of another recipe or manifest, or training fails.
    """
    reporter = reporter or StageReporter()
    drawn = augmented_set.write(originals, work / "set", total)
    facts = {"total": total, "seed": drawn.seed, "source": drawn.source, "source_manifest_sha256": originals.sha256}
    results = _results(out, facts)
    manifests: dict[tuple[str, int], Manifest] = {}
    for part in parts():
        recipe = recipe_of(part)
        if _stands(results["parts"].get(part.key), recipe):
            reporter.say(f"{part.key}: is already in {out}")
            continue
        where = (part.protocol, part.seed)
        if where not in manifests:
            manifests[where] = make("augmented", work / "set", protocol=part.protocol, seed=part.seed)
        folder = train(work / part.key, recipe, manifests[where], reporter)
        results["parts"][part.key] = {
            "row": part.row.name,
            "seed": part.seed,
            "recipe": recipe.model_dump(mode="json"),
            **trained(folder),
            "test": {"f32": judge(folder, manifests[where], backend="torch", precision="f32")},
        }
        if part.row is ROWS[0]:
            bundle = int8(folder, manifests[where], work, reporter)
            results["parts"][part.key]["test"]["int8"] = judge(bundle, manifests[where], backend="openvino")
        write_json(out, results)
        found = results["parts"][part.key]["test"]["f32"]
        reporter.say(
            f"{part.key}: test {found['accuracy']:.2%} ({found['correct']} of {found['n']}), protocol {part.protocol}"
        )
    return results


def recipe_of(part: Part) -> Any:
    """Return the shipped `train.recipe.TrainRecipe` of a part, with its seed."""
    from edgewbc.train.recipe import TrainRecipe
    from edgewbc.train.recipe_file import read

    return read(resources.folder("recipes") / "poster" / f"{part.row.name}.yaml", TrainRecipe, {"fit.seed": part.seed})


def _stands(found: dict[str, Any] | None, recipe: Any) -> bool:
    """Whether there is a result of this recipe; keys that recipes have gained since then have their defaults."""
    try:
        return found is not None and bool(type(recipe).model_validate(found["recipe"]) == recipe)
    except ValueError:
        return False


def _results(out: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Read the results file, or start one."""
    if not out.exists():
        return {"format": FORMAT, "set": facts, "parts": {}}
    results = dict(read_json(out, "results of `python -m bench.poster`"))
    if results.get("format") != FORMAT or results.get("set") != facts:
        raise UserError(f"{out}: contains results of another set of images: use another --out, or move the file away")
    return results


def trained(folder: Path) -> dict[str, Any]:
    """Describe a finished training: parameters, trained parameters, input, minutes, and its best epoch."""
    from edgewbc.nets import model
    from edgewbc.train import frozen_features

    net, spec = model.load(folder)
    lineage = runs.lineage(folder)
    frozen_features.freeze(net, lineage.recipe["fit"]["freeze_blocks"])
    return {
        "parameters": model.count(net),
        "trained_parameters": sum(p.numel() for p in net.parameters() if p.requires_grad),
        "input": [spec.pixels.height, spec.pixels.width],
        "minutes": minutes(folder),
        "validation": lineage.validation,
        "commit": lineage.to_json()["commit"],
        "versions": lineage.to_json()["versions"],
    }


def judge(path: Path, manifest: Manifest, *, backend: str, precision: str | None = None) -> dict[str, Any]:
    """Evaluate on the test split, with additional intervals that count originals instead of images.

    Returns:
        the JSON of `evaluate.evaluate` with `originals` (number of originals of the test images) and
        `clustered_interval`, also for each class, and `seen_in_train` (test images whose original is in train).
    """
    loaded = load(path, backend=backend, precision=precision)
    result, truth, predicted = evaluate.evaluate_loaded(loaded, manifest, "test")
    found = result.to_json()
    del found["model"]  # a folder's name, which the part's key says better
    groups = np.array([entry.group for entry in manifest.split("test")])
    for index, name in enumerate(found["classes"]):
        mine = truth == index
        found["per_class"][name] |= _by_original((predicted == truth)[mine], groups[mine])
    return {
        **found,
        **_by_original(predicted == truth, groups),
        "seen_in_train": int(np.isin(groups, [entry.group for entry in manifest.split("train")]).sum()),
    }


def _by_original(correct: Any, groups: Any) -> dict[str, Any]:
    bounds = cluster_bootstrap(correct, groups.tolist())
    return {"originals": len(set(groups.tolist())), "clustered_interval": None if bounds is None else list(bounds)}


def int8(folder: Path, manifest: Manifest, work: Path, reporter: StageReporter) -> Path:
    """Return the int8 bundle of a run, quantized (calibrated on train) and exported if needed."""
    from edgewbc.compress.quantize import quantize
    from edgewbc.export.export import export

    quantized = work / f"{folder.name}-int8"
    bundle = work / f"{folder.name}-bundle"
    if not (quantized / runs.LINEAGE).exists():
        reporter.say(f"{folder.name}: quantizing")
        quantize(folder, manifest, to=quantized)
    if not bundle.exists():
        reporter.say(f"{folder.name}: exporting")
        export(quantized, to=bundle, manifest=manifest, precisions=["int8"], name=f"poster-{folder.name}")
    return bundle
