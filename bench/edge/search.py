"""`bench --suite edge`: how far a network can be shrunk before it answers worse, and what speed that buys.

The search (`bench.points`) asks whether a point's int8 file holds the reference's accuracy on validation. A point that
stands in the results is not done again, one that was interrupted is gone on with, and the test split is never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench.edge.points import FAMILIES, RIVALS, TEACHER, Point, points, recipe_of, search
from bench.stages import Watch, finished, minutes, train
from edgewbc import runs
from edgewbc.bench import runner
from edgewbc.bench.prepare import Options
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.evaluation import evaluate
from edgewbc.evaluation.load import load
from edgewbc.utils import resources
from edgewbc.utils.files import read_json, write_json
from edgewbc.utils.progress import Progress, quiet

FORMAT = 1
HOLD = 0.003
"""How far below the reference's accuracy on validation a point may be: three pictures of PBC's 1,030. With fewer, the
luck of one picture would steer the search."""
TIMED = Options(
    split="val", seconds=1.0, peaks=False, benchmark_app=False, rows=(("openvino", "f32"), ("openvino", "int8")),
    baseline=224,
)  # fmt: skip
"""How the points are timed."""
QAT_ABOVE = 0.001
"""What int8 may cost on validation before it is fine-tuned with the quantization in the loop."""


@dataclass(frozen=True)
class Suite:
    """What all points share.

    Attributes:
        manifest: train to learn and calibrate, val to choose; test is not read.
        work: holds a run folder for each point, and `-int8` (and `-qat`) beside it.
        reference: the unpruned network, whose accuracy is to be held and whose weights VGG16-GAP starts from.
    """

    manifest: Manifest
    work: Path
    reference: Path
    watch: Watch

    def trained(self, point: Point) -> Path:
        """The point's run folder in float; makes what it comes from first."""
        from edgewbc.compress import prune_and_finetune

        recipe, folder = recipe_of(point), self.work / point.key
        if point.pruned:
            parent, taught = self.trained(point.whole), [self.trained(TEACHER)]
            return finished(
                folder, recipe, self.manifest, self.watch,
                begin=lambda: prune_and_finetune.prune(
                    parent, recipe, self.manifest, teacher=taught, to=folder, **self.watch.training
                ),
                go_on=lambda: prune_and_finetune.resume(folder, self.manifest, **self.watch.training),
            )  # fmt: skip
        if point.family == TEACHER.family:  # a rival at every size: from the labels alone, as its users would
            return train(folder, recipe, self.manifest, self.watch)
        if point.family == "vgg16gap":
            recipe = recipe.model_copy(update={"weights": str(self.reference / "model.safetensors")})
        return train(folder, recipe, self.manifest, self.watch, [self.trained(TEACHER)])

    def scratch(self, point: Point) -> Path:
        """A network of a pruned point's shape, from random weights, with its teacher and as many epochs."""
        from edgewbc.train import run as steps
        from edgewbc.train.recipe import TrainRecipe

        pruned = recipe_of(point)
        fit = pruned.fit.model_copy(update={"epochs": pruned.fit.epochs + (pruned.steps - 1) * pruned.step_epochs})
        recipe = TrainRecipe(name="edge-scratch", weights="none", fit=fit, distil=pruned.distil)
        recipe = steps.shaped_like(self.trained(point), recipe)
        return train(self.work / f"{point.key}-scratch", recipe, self.manifest, self.watch, [self.trained(TEACHER)])

    def quantized(self, run: Path) -> dict[str, Any]:
        """`quantize.json` of a run in int8: safe for any CPU, fine-tuned where int8 costs more than `QAT_ABOVE`."""
        from edgewbc.compress.ptq import Options
        from edgewbc.compress.qat import QatRecipe, finetune
        from edgewbc.compress.quantization_report import RECORD, Checks
        from edgewbc.compress.quantize import quantize
        from edgewbc.train.recipe_file import read

        checks = Checks(isa=True)
        after = self.work / f"{run.name}-int8"
        if not (after / runs.LINEAGE).exists():
            self.watch.say(f"{run.name}: quantizing")
            quantize(run, self.manifest, to=after, checks=checks, overflow_fix="all")
        record = dict(read_json(after / RECORD, "the record of a quantization")) | {"run": after.name}
        if record["drop"]["openvino"]["drop"] <= QAT_ABOVE:
            return record
        tuned = self.work / f"{run.name}-qat"
        if not (tuned / runs.LINEAGE).exists():
            self.watch.say(f"{run.name}: fine-tuning in int8")
            recipe = read(resources.folder("recipes") / "qat.yaml", QatRecipe)
            teachers = [self.trained(TEACHER)]
            finetune(
                run, recipe, self.manifest, Options(overflow_fix="all"), teachers=teachers, to=tuned, checks=checks,
                say=self.watch.say, **self.watch.training,
            )  # fmt: skip
        other = dict(read_json(tuned / RECORD, "the record of a quantization")) | {"run": tuned.name}
        return max(record, other, key=lambda one: float(_validation(one, "int8")["accuracy"]))

    def result(self, run: Path) -> dict[str, Any]:
        """What a run is worth: multiply-adds, parameters, minutes, and float and int8 on validation."""
        from edgewbc.export import bundle_manifest
        from edgewbc.nets import model

        net, spec = model.load(run)
        record = self.quantized(run)
        plain = model.fold(net, spec)
        return {
            "channels": list(spec.channels),
            "macs": model.macs(plain[1]),
            "parameters": model.count(plain[0]),
            "minutes": minutes(run),
            "quantized": record["run"],
            "method": record["method"],
            "validation": {precision: _validation(record, precision) for precision in ("f32", "int8")},
            "isa": record["isa"],
            "lineage": bundle_manifest.without_paths(runs.lineage(run)),
        }


def run(
    manifest: Manifest, work: Path, out: Path, *, reference: Path, families: Sequence[str] = tuple(FAMILIES),
    watch: Watch | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Search each family, writing the results after each point.

    Args:
        out: the results; points that stand in it for the same manifest are kept.
        reference: run folder of the unpruned VGG16-GAP.
        families: of `FAMILIES`; those of `RIVALS` are measured after them.

    Returns:
        what was written: `reference` (its validation), `bar`, `points` by key in the order in which they were done, and
        `chosen` by family: the cheapest that holds, or None. A pruned one that was chosen has `scratch` beside it.

    Raises:
        UserError: the results are of another manifest, a run folder is of another recipe, or training fails.
    """
    suite = Suite(manifest, work, reference, watch or Watch())
    results = _results(out, manifest, reference)
    work.mkdir(parents=True, exist_ok=True)

    def holds(point: Point) -> bool:
        if point.key not in results["points"]:
            results["points"][point.key] = {**asdict(point), **suite.result(suite.trained(point))}
            write_json(out, results)
        told = results["points"][point.key]["validation"]["int8"]
        held = bool(told["accuracy"] >= results["bar"])
        suite.watch.say(
            f"{point.key}: {told['accuracy']:.2%} of validation in int8 ({told['correct']} of {told['n']}, protocol "
            f"{manifest.protocol}): {'holds' if held else 'does not hold'} {results['bar']:.2%}"
        )
        return held

    holds(TEACHER)
    for family in families:
        found = search(points(family, manifest.classes), holds)
        results["chosen"][family] = None if found is None else found.key
        if found is not None and found.pruned and "scratch" not in results["points"][found.key]:
            results["points"][found.key]["scratch"] = suite.result(suite.scratch(found))
        write_json(out, results)
    for rival in RIVALS:
        holds(rival)
    return results


def measure(
    results: dict[str, Any], manifest: Manifest, work: Path, out: Path, *, watch: Watch, progress: Progress = quiet
) -> dict[str, Any]:
    """Time every point in one bench, beside VGG16-GAP at 224 in f32; kept under `bench`, unless it stands already.

    Each point's row has the key of the point as its model, and answers the validation split.
    """
    runs_by_key = {key: work / str(point["quantized"]) for key, point in results["points"].items()}
    names = {path.name: key for key, path in runs_by_key.items()}
    stands = results.get("bench", {"rows": []})["rows"]
    if {row["model"] for row in stands} >= set(runs_by_key):
        return results
    found = runner.bench(list(runs_by_key.values()), manifest, TIMED, progress=progress, say=watch.say)
    rows = (replace(row, model=names.get(row.model, row.model)) for row in found.rows)
    results["bench"] = found.with_rows(*rows).to_json()
    write_json(out, results)
    return results


def _results(out: Path, manifest: Manifest, reference: Path) -> dict[str, Any]:
    """What stands in the results' file, or the start of it: the reference and the bar."""
    if out.exists():
        results = dict(read_json(out, "results of `edgewbc bench --suite edge`"))
        if results.get("format") != FORMAT or results.get("manifest_sha256") != manifest.sha256:
            raise UserError(f"{out}: has results of another manifest: give another --out, or move it away")
        return results
    found, _, _ = evaluate.evaluate_loaded(load(reference, backend="torch", precision="f32"), manifest, "val")
    facts = {"manifest_sha256": manifest.sha256, "protocol": manifest.protocol, "source": manifest.provenance.source}
    bar = {"hold": HOLD, "bar": (found.accuracy or 0.0) - HOLD}
    return {"format": FORMAT, **facts, "reference": found.to_json(), **bar, "points": {}, "chosen": {}}


def _validation(record: dict[str, Any], precision: str) -> dict[str, Any]:
    """OpenVINO's row of a precision, from the record of a quantization."""
    row = next(r for r in record["validation"] if (r["backend"], r["precision"]) == ("openvino", precision))
    return {key: row[key] for key in ("n", "correct", "accuracy", "interval")}
