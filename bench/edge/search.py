"""The edge study: how far a network can be shrunk before its accuracy drops, and the speed that this gains.

The search (`bench.edge.points`) tests whether the int8 model of a point keeps the reference accuracy on the validation
split. Points in the results file are kept, interrupted trainings are resumed, and the test split is never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.edge.points import FAMILIES, RIVALS, TEACHER, Point, points, recipe_of, search
from bench.stages import StageReporter, finished, minutes, train
from edgewbc import runs
from edgewbc.bench import runner
from edgewbc.bench.prepare import BenchOptions
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.evaluation import evaluate
from edgewbc.evaluation.load import load
from edgewbc.metrics import Accuracy
from edgewbc.utils import resources
from edgewbc.utils.files import read_json, write_json
from edgewbc.utils.progress import Progress, quiet

if TYPE_CHECKING:
    from edgewbc.compress.quantization_report import QuantizationReport

FORMAT = 1
HOLD = 0.003
"""Tolerated loss of accuracy on validation: three images of PBC's 1,030. With less, single images would decide."""
TIMED = BenchOptions(
    split="val", seconds=1.0, peaks=False, benchmark_app=False, rows=(("openvino", "f32"), ("openvino", "int8")),
    baseline=224,
)  # fmt: skip
"""How the speed of the points is measured."""
QAT_ABOVE = 0.001
"""Loss of accuracy by int8 on validation above which quantization-aware training is used."""


@dataclass(frozen=True)
class EdgeStudy:
    """Settings shared by all points.

    Attributes:
        manifest: the train split for training and calibration, val for the search; test is not read.
        work: folder with a run folder for each point, and one for its int8 model (`-int8`, `-qat`).
        reference: run folder of the unpruned network: its accuracy is the bar, and VGG16-GAP starts from its weights.
        reporter: receives messages.
    """

    manifest: Manifest
    work: Path
    reference: Path
    reporter: StageReporter

    def trained(self, point: Point) -> Path:
        """Return the point's f32 run folder; train it, its teacher and the network it is pruned from if needed."""
        from edgewbc.compress import prune_and_finetune

        recipe, folder = recipe_of(point), self.work / point.key
        if point.pruned:
            parent, taught = self.trained(point.unpruned), [self.trained(TEACHER)]
            return finished(
                folder, recipe, self.manifest, self.reporter,
                begin=lambda: prune_and_finetune.prune(
                    parent, recipe, self.manifest, teacher=taught, to=folder, **self.reporter.training
                ),
                resume=lambda: prune_and_finetune.resume(folder, self.manifest, **self.reporter.training),
            )  # fmt: skip
        if point.family == TEACHER.family:  # the comparison network is trained on the labels alone
            return train(folder, recipe, self.manifest, self.reporter)
        if point.family == "vgg16gap":
            recipe = recipe.model_copy(update={"weights": str(self.reference / "model.safetensors")})
        return train(folder, recipe, self.manifest, self.reporter, [self.trained(TEACHER)])

    def scratch(self, point: Point) -> Path:
        """Train the shape of a pruned point from random weights, with the same teacher and number of epochs."""
        from edgewbc.train import run as steps
        from edgewbc.train.recipe import TrainRecipe

        pruned = recipe_of(point)
        fit = pruned.fit.model_copy(update={"epochs": pruned.fit.epochs + (pruned.steps - 1) * pruned.step_epochs})
        recipe = TrainRecipe(name="edge-scratch", weights="none", fit=fit, distil=pruned.distil)
        recipe = steps.shaped_like(self.trained(point), recipe)
        return train(self.work / f"{point.key}-scratch", recipe, self.manifest, self.reporter, [self.trained(TEACHER)])

    def quantized(self, run: Path) -> tuple[Path, QuantizationReport]:
        """Return the quantized run of a run and its report, fine-tuned if the loss of accuracy is above `QAT_ABOVE`."""
        from edgewbc.compress.ptq import PTQOptions
        from edgewbc.compress.qat import QatRecipe, finetune
        from edgewbc.compress.quantization_report import Checks, QuantizationReport
        from edgewbc.compress.quantize import quantize
        from edgewbc.train.recipe_file import read

        checks = Checks(isa=True)
        after = self.work / f"{run.name}-int8"
        if not (after / runs.LINEAGE).exists():
            self.reporter.say(f"{run.name}: quantizing")
            quantize(run, self.manifest, to=after, checks=checks, overflow_fix="all")
        calibrated = after, QuantizationReport.read(after)
        if calibrated[1].measured.drop["openvino"].drop <= QAT_ABOVE:
            return calibrated
        tuned = self.work / f"{run.name}-qat"
        if not (tuned / runs.LINEAGE).exists():
            self.reporter.say(f"{run.name}: fine-tuning in int8")
            recipe = read(resources.folder("recipes") / "qat.yaml", QatRecipe)
            teachers = [self.trained(TEACHER)]
            finetune(
                run, recipe, self.manifest, PTQOptions(overflow_fix="all"), teachers=teachers, to=tuned, checks=checks,
                say=self.reporter.say, **self.reporter.training,
            )  # fmt: skip
        fine_tuned = tuned, QuantizationReport.read(tuned)
        return max(calibrated, fine_tuned, key=lambda one: _validation(one[1], "int8").correct)

    def result(self, run: Path) -> dict[str, Any]:
        """Return a run's multiply-adds, parameters, minutes of training, and validation accuracy in f32 and int8."""
        from edgewbc.export import bundle_manifest
        from edgewbc.nets import model

        net, spec = model.load(run)
        quantized, report = self.quantized(run)
        plain = model.fold(net, spec)
        return {
            "channels": list(spec.channels),
            "macs": model.macs(plain[1]),
            "parameters": model.count(plain[0]),
            "minutes": minutes(run),
            "quantized": quantized.name,
            "method": report.method,
            "validation": {precision: _validation(report, precision).to_json() for precision in ("f32", "int8")},
            "isa": None if report.measured.isa is None else report.measured.isa.to_json(),
            "lineage": bundle_manifest.without_paths(runs.lineage(run).to_json()),
        }


def run(
    manifest: Manifest, work: Path, out: Path, *, reference: Path, families: Sequence[str] = tuple(FAMILIES),
    reporter: StageReporter | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Search each family, and write the results after each point.

    Args:
        manifest: labeled images.
        work: folder for runs.
        out: file of results; its points are kept if it is of the same manifest.
        reference: run folder of the unpruned VGG16-GAP.
        families: of `FAMILIES`; the networks of `RIVALS` are measured after them.
        reporter: receives messages.

    Returns:
        the JSON that was written: `reference` (its validation), `bar`, `points` by key in the order of the search, and
        `chosen` by family: the cheapest point that holds, or None. A chosen pruned point has `scratch`, the same shape
        trained from random weights.

    Raises:
        UserError: the results are of another manifest, a run folder is of another recipe, or training fails.
    """
    study = EdgeStudy(manifest, work, reference, reporter or StageReporter())
    results = _results(out, manifest, reference)
    work.mkdir(parents=True, exist_ok=True)

    def holds(point: Point) -> bool:
        if point.key not in results["points"]:
            results["points"][point.key] = {**asdict(point), **study.result(study.trained(point))}
            write_json(out, results)
        told = results["points"][point.key]["validation"]["int8"]
        held = bool(told["accuracy"] >= results["bar"])
        study.reporter.say(
            f"{point.key}: {told['accuracy']:.2%} of validation in int8 ({told['correct']} of {told['n']}, protocol "
            f"{manifest.protocol}): {'holds' if held else 'does not hold'} {results['bar']:.2%}"
        )
        return held

    holds(TEACHER)
    for family in families:
        found = search(points(family, manifest.classes), holds)
        results["chosen"][family] = None if found is None else found.key
        if found is not None and found.pruned and "scratch" not in results["points"][found.key]:
            results["points"][found.key]["scratch"] = study.result(study.scratch(found))
        write_json(out, results)
    for rival in RIVALS:
        holds(rival)
    return results


def measure(
    results: dict[str, Any],
    manifest: Manifest,
    work: Path,
    out: Path,
    *,
    reporter: StageReporter,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Measure the speed of every point and of VGG16-GAP at 224 in f32 in one benchmark, stored as `bench`.

    A result with all points is kept. Each row has the key of its point as its model, and is scored on validation.
    """
    runs_by_key = {key: work / str(point["quantized"]) for key, point in results["points"].items()}
    names = {path.name: key for key, path in runs_by_key.items()}
    stands = results.get("bench", {"rows": []})["rows"]
    if {row["model"] for row in stands} >= set(runs_by_key):
        return results
    found = runner.bench(list(runs_by_key.values()), manifest, TIMED, progress=progress, say=reporter.say)
    rows = (replace(row, model=names.get(row.model, row.model)) for row in found.rows)
    results["bench"] = found.with_rows(*rows).to_json()
    write_json(out, results)
    return results


def _results(out: Path, manifest: Manifest, reference: Path) -> dict[str, Any]:
    """Read the results file, or start one with the reference and the bar."""
    if out.exists():
        results = dict(read_json(out, "results of `python -m bench.edge`"))
        if results.get("format") != FORMAT or results.get("manifest_sha256") != manifest.sha256:
            raise UserError(f"{out}: contains results of another manifest: use another --out, or move the file away")
        return results
    found, _, _ = evaluate.evaluate_loaded(load(reference, backend="torch", precision="f32"), manifest, "val")
    facts = {"manifest_sha256": manifest.sha256, "protocol": manifest.protocol, "source": manifest.provenance.source}
    bar = {"hold": HOLD, "bar": (found.accuracy or 0.0) - HOLD}
    return {"format": FORMAT, **facts, "reference": found.to_json(), **bar, "points": {}, "chosen": {}}


def _validation(report: QuantizationReport, precision: str) -> Accuracy:
    """Return the validation accuracy of OpenVINO's file in a precision."""
    for row in report.measured.validation:
        if (row.backend, row.precision) == ("openvino", precision):
            return Accuracy(row.n, row.correct)
    raise KeyError(precision)
